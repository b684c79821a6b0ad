"""Amazon EventBridge: rules that match events or keep time, their targets, and the announcing of what happens.

`announcements.py` is what other nouns use inside their own transactions; the rest is reached through the door.
Matching and delivering is done by `runtime/deliveries.py`. May import: `services.registry`, `services.paging`,
`machines`, `store`, `spec`, `base`. To add a kind of event: a function in `sagemaker_details.py` and one in
`announcements.py`. To add a kind of target: a line in `machines/destinations.py` and a case in the runtime.
"""
