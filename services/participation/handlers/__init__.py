"""What an answer, a report or a held meeting does."""
