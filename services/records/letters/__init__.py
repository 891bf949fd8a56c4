"""What goes to readers: each kind of letter, how it reads and whether it may go."""
