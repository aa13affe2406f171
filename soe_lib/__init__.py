"""Sales & Operations Execution: the small door behind which the depth lies."""
