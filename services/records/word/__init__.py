"""Records that are written in Word: the template, a draft of it for a meeting, and what a finished one says.

A document is read by an allow-list: what is not known to be plain text of a known style is refused, with its place and
what to do, so that nothing goes out that its writer did not see, and nothing is lost that they did.
"""
