"""Take an event in, once: decode, journal, handlers, in one transaction; dead letters, waiting events, replay."""
