"""A process that keeps going: its parts, what wakes them, whether they get on, and how it is asked and stops.

Whatever fails in a part is noted and tried again; nothing ends the process but a signal. On a signal it begins nothing
more, finishes what is in hand, and is gone within ten seconds: what could not be finished falls due again, since every
step can be repeated.
"""
