"""Answers for records: from files, in batches, by label descriptions, by similarity."""
