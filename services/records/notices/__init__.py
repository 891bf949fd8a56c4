"""What is told of plans that begin and end: what is known, what is written to whom, and what becomes of it."""
