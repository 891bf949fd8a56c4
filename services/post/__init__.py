"""The post room: takes from the outbox, renders, and hands over to a mail server."""
