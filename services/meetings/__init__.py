"""Which meetings there are, and who must be in the room: kinds, policy, resolution with reasons."""
