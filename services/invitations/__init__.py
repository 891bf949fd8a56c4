"""Asking them: one invitation for each agency and person, as iCalendar; update, cancel."""
