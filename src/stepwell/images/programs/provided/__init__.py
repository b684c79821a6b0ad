"""Room images, inside the container: modules that users' scripts import by the name they have in AWS's images.

In: the calls of AWS's examples. Out: what our programs do for them. This folder is on the script's path; what is in
it may import the programs, through `program` of its package.
"""
