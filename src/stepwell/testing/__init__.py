"""Stand-ins that ship: for our own tests and for those of users who build on Stepwell.

They keep the promises of what they stand for (a launcher, a place for objects) and are told how things turn out.
May import: everything but `gateway`, `web` and `cli`. To add one: a file with a class that meets the Protocol it
stands for, used by a test of ours.
"""
