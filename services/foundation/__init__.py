"""What every room stands on: settings, database, unit of work, outbox and timers, clock, working days, logging."""
