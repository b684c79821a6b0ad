"""Amazon EventBridge Scheduler: schedules (once, at a rate, by cron in any time zone) and their groups.

A schedule is a row; `runtime/schedules.py` fires it and `runtime/deliveries.py` brings what it sends to its target.
May import: `services.registry`, `services.paging`, `machines`, `store`, `spec`, `base`. To add an operation: a
function in the file of its noun; what schedules and groups share is in `schedule_rows.py`.
"""
