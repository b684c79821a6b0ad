"""Who works for Callback steps: takes messages from the queue and answers, again, or twice in different words.

In: the queue, through the door like any worker. Out: `messages`, all that ever came; `answers`, those of its own that
were acknowledged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outside import Made, Outside
from random_definitions import OUTPUTS, QUEUE

from stepwell.base.faults import Fault

Call = Callable[..., dict[str, Any]]
"""call(service, operation, **parameters)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `is_stop`: it says that the execution is being stopped."""

    made: Made
    is_stop: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What the worker said of a token, and was told that it is known now."""

    is_success: bool
    outputs: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass
class Worker:
    """`contradictions` holds the tokens for which two different answers were taken, or one was not."""

    outside: Outside
    messages: list[Message] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    def collect(self, call: Call) -> None:
        """Take all messages there are."""
        while found := call("sqs", "ReceiveMessage", QueueUrl=QUEUE, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self._take(json.loads(message["Body"]))
            handles = [{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(found)]
            call("sqs", "DeleteMessageBatch", QueueUrl=QUEUE, Entries=handles)

    def _take(self, body: dict[str, Any]) -> None:
        arguments = body["arguments"]
        item = arguments.get("item")
        step = arguments["step"] if item is None else f"{arguments['step']}-{item}"
        execution = body["pipelineExecutionArn"].rpartition("/")[2]
        made = Made("message", execution, step, body["token"], arguments)
        is_stop = body.get("status") == "Stopping"
        self.messages.append(Message(made, is_stop))
        if not is_stop:
            self.outside.made.append(made)

    def waiting(self) -> list[Made]:
        """What is to be answered, and will be."""
        asked = [message.made for message in self.messages if not message.is_stop]
        return [made for made in asked if self._is_open(made) and self._end(made) != "Never"]

    def _is_open(self, made: Made) -> bool:
        return made.name not in self.answers and made.name not in self.closed

    def answer(self, call: Call, made: Made) -> None:
        """Say how it went. That it is too late is no answer."""
        answer = self._answer(made)
        try:
            _send(call, made.name, answer)
        except Fault:
            self.closed.add(made.name)
        else:
            self.answers[made.name] = answer

    def repeat(self, call: Call, token: str) -> None:
        """Say the same again, as a worker does that heard nothing; then say something else, which must not count."""
        try:
            _send(call, token, self.answers[token])
        except Fault:
            self.contradictions.append(f"{token}: the same answer was refused")
        other = Answer(not self.answers[token].is_success, reason="changed")
        try:
            _send(call, token, other, "other")
        except Fault:
            return
        self.contradictions.append(f"{token}: another answer was taken")

    def _end(self, made: Made) -> str:
        attempt = self.outside.attempt(made.execution, made.step, made.name)
        return self.outside.fortune.answer(made.step, attempt)

    def _answer(self, made: Made) -> Answer:
        match self._end(made):
            case "Failed":
                return Answer(False, reason=f"{made.step} failed")
            case "Silent":
                return Answer(True)
            case _:
                outputs = self.outside.fortune.outputs(made.step)
                return Answer(True, {name: str(outputs[name]) for name in OUTPUTS})


def _send(call: Call, token: str, answer: Answer, request: str = "answer") -> None:
    named = {"CallbackToken": token, "ClientRequestToken": f"{token}-{request}".ljust(32, "-")}
    if answer.is_success:
        outputs = [{"Name": name, "Value": value} for name, value in answer.outputs.items()]
        call("sagemaker", "SendPipelineExecutionStepSuccess", **named, OutputParameters=outputs)
    else:
        call("sagemaker", "SendPipelineExecutionStepFailure", **named, FailureReason=answer.reason)
