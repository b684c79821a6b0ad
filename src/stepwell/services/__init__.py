"""What the API's operations do: a folder per AWS service, a file per noun, a function per operation.

Every function here is reached through `registry.Door.call` alone: by the gateway, by the engine, by the command
line, and by other nouns. May import: `machines`, `steps`, `definition`, `store`, `blobs`, `spec`, `base`.
To add an operation: write a function with the operation's name in snake_case in its noun's file and mark it
`@operation`. To add a service: a folder named as the service (`lambda_` for `lambda`).
"""
