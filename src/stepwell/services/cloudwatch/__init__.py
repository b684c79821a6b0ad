"""CloudWatch: metrics that jobs print, that their hosts show and that clients put.

Points are rows (`store.metric_points`). Reading from the wire inwards: `windows` makes a span of times and a period,
`statistics` makes numbers of what lies in each, `metric_statistics` and `metric_data` answer with them.
May import: `services.registry`, `store`, `base`. To add an operation: a function in the file of its noun; to add a
statistic: a line in `statistics`. Alarms, dashboards, streams and metric math are not built: they answer 501.
"""
