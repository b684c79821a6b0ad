"""SQS: queues, and the messages in them.

A queue is a row, a message is a row, and what hides a message is a time in its row (`store.queue_messages`), so the
server can end at any moment. Reading from the wire inwards: `addresses` finds the queue a request names, `contents`
judges what it wants to send, `messages` and `receiving` move messages, `arrivals` wakes those who wait for them.
Other rooms send through `messages.send`, inside a transaction of their own.
May import: `services.registry`, `services.paging`, `store`, `base`. To add an operation: a function in the file of
its noun; to add a queue attribute: a line in `settings.RULES`.
"""
