"""What follows from what was heard back: by noun, and pure."""
