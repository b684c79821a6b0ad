"""What a client needs in its environment to reach this server instead of AWS, and nothing more.

The same variables serve a user's shell, a command under `stepwell run` and the containers of jobs. May import:
`base`. `stepwell_client.py` is not imported by Stepwell: it is copied to where the client's Python finds it.
"""
