"""Quorate, room by room in the order the work happens; `bootstrap` puts the rooms together."""
