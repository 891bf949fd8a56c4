"""Forwarding the record: who gets which part of it, how it reaches them, and whether it was filed."""
