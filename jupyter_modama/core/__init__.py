"""What projects, sessions, seals and entries are, and what may be done with them.

Standard library only, no disk, no web.
"""
