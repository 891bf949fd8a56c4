"""The part of the post room that speaks to MESH, the NHS's message exchange."""
