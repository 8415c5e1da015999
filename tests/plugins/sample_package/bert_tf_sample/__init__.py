"""Plug-ins of bert_tf in a package of their own, one file each."""
