"""What each task reads of a record, and its ``--head.*`` options. Nothing here imports TensorFlow: ``--help`` and the
check of the data come before it."""
