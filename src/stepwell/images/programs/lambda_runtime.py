"""Room images, inside the container: calls one handler once. Started as a plain script; standard library only.

In: the folder EXCHANGE with `context.json` and `event.json`; the function's code in LAMBDA_TASK_ROOT. Out: in
EXCHANGE the file `begun` when the handler is called, then `result` (the JSON of what it returned) or `failure` (the
JSON of what went wrong). A process that ends without either died; the server says how. What is imported here every
invocation pays for, so it is little.
"""

# pathlib would lengthen every start of a function.
# ruff: noqa: PTH104, PTH123

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import time
import traceback
from types import SimpleNamespace, TracebackType
from typing import Any, NoReturn

EXCHANGE = "/var/stepwell"
MOST_RESULT_BYTES = 6_291_556
ROOT = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")


class Broken(Exception):
    """Something is wrong around the handler. `kind` is an errorType of Lambda's own."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Context:
    """What a handler gets as its second argument (Lambda Developer Guide, "Lambda context object in Python")."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.aws_request_id: str = given["RequestId"]
        self.function_name: str = given["FunctionName"]
        self.function_version: str = given["Version"]
        self.invoked_function_arn: str = given["FunctionArn"]
        self.memory_limit_in_mb = str(given["MemorySize"])
        self.log_group_name: str = given["LogGroup"]
        self.log_stream_name: str = given["LogStream"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client_context(given["ClientContext"])
        self._deadline = time.monotonic() + given["Timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(int((self._deadline - time.monotonic()) * 1000), 0)

    def log(self, message: object) -> None:
        """Write to the log as it is."""
        sys.stdout.write(str(message))


def main() -> NoReturn:
    """Call the handler and leave what came of it."""
    with open(f"{EXCHANGE}/context.json", encoding="utf-8") as file:
        given = json.load(file)
    with open(f"{EXCHANGE}/event.json", encoding="utf-8") as file:
        event = json.load(file)
    _prepare_logging(given["RequestId"])
    sys.path[0] = ROOT
    os.chdir(ROOT)
    try:
        handler = find_handler(os.environ["_HANDLER"])
        context = Context(given)
        _write("begun", b"")
        # The kernel ends the process when time is up, whatever it is doing then.
        signal.setitimer(signal.ITIMER_REAL, given["Timeout"])
        result = encoded(handler(event, context))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception as error:
        document = described(error, given["RequestId"])
        _tell(document)
        _finish("failure", json.dumps(document).encode())
    _finish("result", result)


def find_handler(name: str) -> Any:
    """The function that `package/module.function` names. Raises Broken, and what the module itself raises."""
    module_name, dot, attribute = name.rpartition(".")
    if not dot:
        raise Broken(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Broken("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise Broken("Runtime.UserCodeSyntaxError", message) from error
    handler = getattr(module, attribute, None)
    if handler is None:
        raise Broken("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}'")
    return handler


def encoded(result: object) -> bytes:
    """The JSON of what a handler returned. Raises Broken."""
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False, default=_number).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Broken("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def described(error: Exception, request_id: str) -> dict[str, Any]:
    """The error document: type, message, and the frames that are the function's own."""
    if isinstance(error, Broken):
        kind, stack = error.kind, []
    else:
        kind, stack = type(error).__name__, _frames(error.__traceback__)
    try:
        message = str(error)
    except Exception:  # an exception of the user's whose text cannot be had is still an exception
        message = ""
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}


def _frames(trace: TracebackType | None) -> list[str]:
    own = [each for each in traceback.extract_tb(trace) if not _is_machinery(each.filename)]
    return traceback.format_list(own)


def _is_machinery(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen importlib") or file == importlib.__file__


def _tell(document: dict[str, Any]) -> None:
    print(f"[ERROR] {document['errorType']}: {document['errorMessage']}")
    if document["stackTrace"]:
        print("Traceback (most recent call last):")
        print("".join(document["stackTrace"]), end="")


def _number(value: object) -> float:
    """Decimals are what DynamoDB's client gives for numbers; Lambda writes them as such."""
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(str(value))
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _client_context(text: str) -> SimpleNamespace | None:
    if not text:
        return None
    given = json.loads(text)
    given = given if isinstance(given, dict) else {}
    client = given.get("client")
    return SimpleNamespace(
        custom=given.get("custom"),
        env=given.get("env"),
        client=SimpleNamespace(**client) if isinstance(client, dict) else None,
    )


class _Numbered(logging.Filter):
    """Gives each record the id of the request."""

    def __init__(self, request_id: str) -> None:
        super().__init__()
        self._request_id = request_id

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self._request_id
        return True


def _prepare_logging(request_id: str) -> None:
    """The root logger writes to stdout, in the form that Lambda's runtime gives to log lines."""
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_Numbered(request_id))
    logging.getLogger().addHandler(handler)


def _write(name: str, data: bytes) -> None:
    """Write a file that is there entirely or not at all."""
    with open(f"{EXCHANGE}/{name}.partial", "wb") as file:
        file.write(data)
    os.rename(f"{EXCHANGE}/{name}.partial", f"{EXCHANGE}/{name}")


def _finish(name: str, data: bytes) -> NoReturn:
    """Leave the answer and end at once: threads and children that are still there end with the container."""
    if len(data) > MOST_RESULT_BYTES:
        data = data[: MOST_RESULT_BYTES + 1]
    _write(name, data)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
