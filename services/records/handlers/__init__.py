"""What an approved record, a plan, or word of a dispatch does."""
