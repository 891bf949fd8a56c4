"""Who gets what of a record, and what is told of a plan: by noun, and pure."""
