"""Hearing back: answers, apologies, reports, attendance, and whether a meeting was quorate."""
