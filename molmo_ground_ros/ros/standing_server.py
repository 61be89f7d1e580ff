# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing questions of the node: `~/set_query`, `~/remove_query`, `~/list_queries`, `~/events`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from molmo_ground_ros import msg, srv
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import BackendError, ErrorCode, GroundError, clean, describe
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.standing import Delivery, StandingQuestions, StandingStatus
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.event_bridge import EventBridge
from molmo_ground_ros.types import Answer

# Events that may wait in the middleware.
DEPTH = 100


class Publishing(Protocol):
    """What the node does with the answers of standing questions, in the session's worker."""

    def hold(self, window: PinnedWindow) -> None:
        """Take note that a window is asked about."""
        ...

    def place(self, answer: Answer) -> Answer:
        """The answer with positions in metres, as far as they are known."""
        ...

    def publish(self, answer: Answer, query_id: str, window: PinnedWindow | None) -> None:
        """Publish an answer as that of a caller."""
        ...

    def show_event(self, event: msg.Event, window: PinnedWindow | None) -> None:
        """Show an event to people."""
        ...


class StandingServer:
    """Serves the standing questions of a node, once it is configured."""

    def __init__(
        self, node: Node, publishing: Publishing, admit: Callable[[bool], StandingQuestions]
    ) -> None:
        """Offer the services and the topic.

        admit: gives the questions for one request, which changes them or not; raises GroundError if
        it is refused.
        """
        self._node = node
        self._publishing = publishing
        self._admit = admit
        group = MutuallyExclusiveCallbackGroup()
        for kind, name, callback in (
            (srv.SetQuery, 'set_query', self._on_set),
            (srv.RemoveQuery, 'remove_query', self._on_remove),
            (srv.ListQueries, 'list_queries', self._on_list),
        ):
            node.create_service(kind, f'~/{name}', callback, callback_group=group)
        qos = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        self._events = node.create_publisher(msg.Event, '~/events', qos)
        self._bridge = EventBridge(node)

    def questions(self, settings: Settings, buffers: Mapping[str, ClipBuffer]) -> StandingQuestions:
        """The questions of the settings and the state file. Raises BadSetting, BadRequest."""
        self._bridge.configure(settings.events_json)
        return StandingQuestions(settings, buffers, self)

    def hold(self, window: PinnedWindow) -> None:
        """Take note that a window is asked about."""
        self._publishing.hold(window)

    def place(self, answer: Answer) -> Answer:
        """The answer with positions in metres, as far as they are known."""
        return self._publishing.place(answer)

    def deliver(self, delivery: Delivery) -> None:
        """Publish an answer, and the events that became ripe with it. In the session's worker."""
        request, answer, window = delivery.request, delivery.answer, delivery.window
        self._publishing.publish(answer, request.id, window)
        for event in delivery.events:
            message = convert.event(delivery, event)
            self._events.publish(message)
            self._bridge.publish(message)
            self._publishing.show_event(message, window)

    def _on_set(self, request: Any, response: Any) -> Any:
        def act(questions: StandingQuestions) -> None:
            response.id = questions.set(convert.standing_request(request.query))

        return self._reply(act, response)

    def _on_remove(self, request: Any, response: Any) -> Any:
        return self._reply(lambda questions: questions.remove(clean(request.id)), response)

    def _on_list(self, _: Any, response: Any) -> Any:
        try:
            statuses: list[StandingStatus] = self._admit(False).statuses()
        except GroundError as error:
            # The reply has no code: a node that is not configured has no standing question.
            self._node.get_logger().warning(str(error), throttle_duration_sec=5.0)
            statuses = []
        response.queries = [convert.standing_query(status) for status in statuses]
        return response

    def _reply(self, act: Callable[[StandingQuestions], None], response: Any) -> Any:
        """Do what a request asks for, and fill the reply with the code of the error, or OK."""
        error: GroundError | None = None
        try:
            act(self._admit(True))
        except GroundError as err:
            error = err
        except Exception as err:  # noqa: BLE001 - a reply always comes
            error = BackendError(describe(err))
        response.error_code = int(error.code if error else ErrorCode.OK)
        response.error_msg = str(error or '')
        if error is not None:
            words = f'{error.code.name}: {error}'
            self._node.get_logger().warning(words, throttle_duration_sec=5.0)
        return response
