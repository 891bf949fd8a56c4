"""Records, what was sent of them to whom, plans and notices, as they are kept."""
