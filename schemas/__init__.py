"""What travels in and out of Quorate: the envelope, one module per noun, the registry, and the published schemas."""
