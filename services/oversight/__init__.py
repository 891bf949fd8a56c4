"""What did not happen: exceptions."""
