"""What is remembered of exchanges: the records, and where they are kept."""
