# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 node: puts images into buffers, gives questions to the session, publishes answers.

It is a managed node. Configuring checks the settings and begins to load the model, activating
subscribes to the cameras, deactivating ends the subscriptions and keeps the model, cleaning up
frees it. Callbacks only convert messages and pass them on. The executor's pool has more threads
than questions can be open, so other callbacks never have to wait for a thread.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from molmo_ground_ros.backends import Backend, OwnProcessBackend, choose, settings_of
from molmo_ground_ros.backends import load as load_by_name
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import GroundError, NotActive, ShuttingDown, describe
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.job import Job
from molmo_ground_ros.grounding.rate_limit import RateLimit
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.grounding.standing import StandingQuestions
from molmo_ground_ros.msg import Event, PointArray, TrackArray
from molmo_ground_ros.ros import convert, diagnostics, params, transitions
from molmo_ground_ros.ros.camera_input import CameraInput
from molmo_ground_ros.ros.image_bridge import ImageBridge
from molmo_ground_ros.ros.image_receiver import ImageReceiver
from molmo_ground_ros.ros.places import Places
from molmo_ground_ros.ros.question_server import QuestionServer
from molmo_ground_ros.ros.standing_server import StandingServer
from molmo_ground_ros.ros.views import Views
from molmo_ground_ros.types import Answer, Query, Task

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class GroundNode(LifecycleNode):
    """Buffers the images of cameras, answers `~/ground` (service and action), publishes answers."""

    def __init__(self, load: Callable[[Settings], Backend] | None = None, **kwargs: Any):
        """Declare parameters and offer the services; the node is then unconfigured.

        load: makes the backend, in place of `load_backend`. Raises BadSetting for a bad parameter.
        """
        super().__init__('molmo_ground', **kwargs)
        try:
            self.settings = params.declare(self)
        except GroundError:
            super().destroy_node()
            raise
        self._make_backend = load or self._load_backend
        # What is being loaded now, where it can be ended.
        self._loading: OwnProcessBackend | None = None
        # Replaced by transitions, which run one at a time; read by every callback.
        self.session: Session | None = None
        self.cameras: dict[str, CameraInput] = {}
        self._receiver = ImageReceiver(self.context)
        self.standing: StandingQuestions | None = None
        self._places: Places | None = None
        self._decoded = DecodedCache(0)
        self._rate = RateLimit()
        self._is_active = False
        self._is_closed = False
        self._transition = threading.Lock()
        transitions.refuse_wrong(self)
        self.add_on_set_parameters_callback(params.on_change(self, self._apply))
        self._points = self.create_publisher(PointArray, '~/points', 10)
        self._tracks = self.create_publisher(TrackArray, '~/tracks', 10)
        self._views = Views(
            self, lambda camera: self.cameras[camera].buffer, self.settings.buffer_seconds
        )
        self._questions = QuestionServer(
            self, self._submit, self._cancel, self.place, self.publish, lambda: self.cameras
        )
        self._standing = StandingServer(self, self, self._admit_standing)
        self._diagnose_regularly()
        self._watch_clock()

    # -- transitions ----------------------------------------------------------------------------

    def autostart(self) -> bool:
        """Configure and activate, as a lifecycle manager would; False if that failed."""
        try:
            configured = self.trigger_configure() == SUCCESS
            return configured and bool(self.trigger_activate() == SUCCESS)
        except RuntimeError as error:
            # A manager was faster, and the state does not allow the transition any more.
            self.get_logger().error(f'cannot start by itself: {describe(error)}')
            return False

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Make buffers for the cameras, and begin to load the model."""
        return self._guarded(self._configure, 'configure')

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the cameras, and take questions. The model may be loading still."""
        return self._guarded(self._activate, 'activate')

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """End the subscriptions and refuse new questions; the model stays loaded."""
        return self._guarded(self._deactivate, 'deactivate')

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Answer open questions with SHUTTING_DOWN, and free the model and the buffers."""
        return self._guarded(self._clean_up, 'clean up')

    def on_shutdown(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate and clean up, from any state."""
        return self._guarded(self._end, 'shut down')

    def on_error(self, _: LifecycleState) -> TransitionCallbackReturn:
        """After an error in a transition: free everything, and become unconfigured."""
        return self._guarded(self._end, 'clean up')

    def _guarded(self, step: Callable[[], None], verb: str) -> TransitionCallbackReturn:
        """Run one transition. rclpy drops an exception without a word, so it is logged here."""
        with self._transition:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the transition fails, and the node lives
                self.get_logger().error(f'cannot {verb}: {describe(error)}')
                return FAILURE
        return SUCCESS

    def _configure(self) -> None:
        self._decoded = DecodedCache(
            round(self.settings.decoded_megabytes * 1e6), ImageBridge().decode
        )
        self.cameras = self._make_cameras(self.settings)
        buffers = {name: camera.buffer for name, camera in self.cameras.items()}
        self.standing = self._standing.questions(self.settings, buffers)
        self.session = Session(self._load, buffers, self.settings, self.standing)
        self._places = Places(self, self.settings)

    def _activate(self) -> None:
        for camera in self.cameras.values():
            camera.subscribe()
        if self._places is not None:
            self._places.subscribe()
        self._is_active = True

    def _deactivate(self) -> None:
        self._is_active = False
        for camera in self.cameras.values():
            camera.unsubscribe()
        if self._places is not None:
            self._places.unsubscribe()

    def _clean_up(self) -> None:
        if self._loading is not None:
            self._loading.end()
        if self.session is not None:
            self.session.close()
        self._questions.wait_replied()
        if self._places is not None:
            self._places.close()
        self.session, self.cameras, self._places, self.standing = None, {}, None, None

    def _end(self) -> None:
        self._deactivate()
        self._clean_up()

    def _make_cameras(self, settings: Settings) -> dict[str, CameraInput]:
        """The cameras of the settings. One that there is already stays, with its buffer."""
        cameras = {}
        for name, topic in zip(settings.cameras, settings.image_topics, strict=True):
            camera = self.cameras.get(name)
            if camera is None or camera.source != (name, topic):
                camera = CameraInput(self, self._receiver, name, topic, settings, self._decoded)
            cameras[name] = camera
        return cameras

    def _load(self) -> Backend:
        """Load the model, in the session's worker, and log how that went."""
        backend = choose(self.settings.backend, settings_of(self.settings))
        model = f"model '{self.settings.model}' with backend '{backend}'"
        self.get_logger().info(f'loading {model}')
        began_ns = time.monotonic_ns()
        try:
            loaded = self._make_backend(self.settings)
        except ShuttingDown:
            self.get_logger().info(f'ended loading {model}')
            raise
        except BaseException as error:
            self.get_logger().error(f'cannot load {model}: {describe(error)}')
            raise
        finally:
            self._loading = None
        self.get_logger().info(f'loaded {model} in {(time.monotonic_ns() - began_ns) / 1e9:.1f} s')
        return loaded

    def _load_backend(self, settings: Settings) -> Backend:
        return load_backend(settings, self._note_loading)

    def _note_loading(self, backend: OwnProcessBackend) -> None:
        self._loading = backend

    # -- parameters -----------------------------------------------------------------------------

    def _apply(self, changes: dict[str, object]) -> None:
        """Take changed settings; raises BadSetting for those that this state does not take."""
        settings = dataclasses.replace(self.settings, **changes)  # type: ignore[arg-type]
        # A transition that runs meanwhile would subscribe to cameras that are replaced here.
        with self._transition:
            if self.session is not None:
                params.check_live(changes, self.settings)
                self._change_cameras(self.session, settings)
                self.session.configure(settings)
            if self._places is not None:
                self._places.configure(settings)
            self.settings = settings

    def _change_cameras(self, session: Session, settings: Settings) -> None:
        """Add and remove cameras while the node runs; a camera that stays keeps its buffer."""
        before, self.cameras = self.cameras, self._make_cameras(settings)
        if self._is_active:
            for camera in before.values():
                if camera not in self.cameras.values():
                    camera.unsubscribe()
            for camera in self.cameras.values():
                if camera not in before.values():
                    camera.subscribe()
        session.set_buffers({name: camera.buffer for name, camera in self.cameras.items()})

    # -- while it runs --------------------------------------------------------------------------

    def _submit(self, query: Query, timeout_ns: int) -> Job:
        """Hand a question to the session.

        Raises NotActive, TooManyQueries, and what `Session.submit` raises.
        """
        session = self.session
        if self._is_closed:
            raise ShuttingDown
        if session is None or not self._is_active:
            raise NotActive('unconfigured' if session is None else 'inactive')
        self._rate.take(self.settings.queries_per_minute)
        job = session.submit(query, timeout_ns)
        self.hold(job.window)
        return job

    def _admit_standing(self, is_change: bool) -> StandingQuestions:
        """The standing questions, for one request. Raises NotActive; a change TooManyQueries."""
        standing = self.standing
        if standing is None:
            raise NotActive('unconfigured')
        if is_change:
            self._rate.take(self.settings.queries_per_minute)
        return standing

    def hold(self, window: PinnedWindow) -> None:
        """Keep what else belongs to the newest frame of a window that is asked about."""
        if self._places is not None and window.stored:
            self._places.hold(window.camera, window.stored[-1].stamp_ns)

    def place(self, answer: Answer) -> Answer:
        """The answer with positions in metres, as far as they are known."""
        places = self._places
        return answer if places is None else places.place(answer, self.settings)

    def _cancel(self, job: Job) -> None:
        if self.session is not None:
            self.session.cancel(job)

    def show_event(self, event: Event, window: PinnedWindow | None) -> None:
        """Show an event of a standing question on ~/overlay and its kind."""
        self._views.show_event(event, window)

    def publish(self, answer: Answer, query_id: str, window: PinnedWindow | None = None) -> None:
        """Publish an answer with tracks on ~/tracks, others on ~/points, one with both on both.

        window: what the model saw, for ~/overlay; None where it is not held any more.
        """
        if answer.task is Task.TRACK or answer.tracks:
            tracks = convert.track_array(answer, query_id)
            self._tracks.publish(tracks)
            self._views.show_tracks(tracks, window)
        if answer.task is not Task.TRACK or answer.points:
            points = convert.point_array(answer, query_id)
            self._points.publish(points)
            self._views.show_points(points, window)

    def _watch_clock(self) -> None:
        """Drop the frames as soon as simulated time jumps back, before the next image arrives."""
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(
                min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False
            ),
            post_callback=self._on_jump,
        )

    def _on_jump(self, jump: TimeJump) -> None:
        for camera in self.cameras.values():
            camera.buffer.clear('time jumped back')
        if self._places is not None:
            self._places.clear()
        self._views.clear()
        self.get_logger().warning(
            f'time jumped by {jump.delta.nanoseconds / 1e9:.3f} s: forgot all'
        )

    def _diagnose_regularly(self) -> None:
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A steady clock: a paused simulation does not silence the diagnostics.
        self.create_timer(
            self.settings.diagnostics_period_seconds,
            self._diagnose,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def _diagnose(self) -> None:
        name, session = self.get_name(), self.session
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        if session is None:
            array.status = [diagnostics.unconfigured_status(name, self.settings.model)]
        else:
            status = [diagnostics.model_status(name, self.settings.model, session.stats())]
            depths = self._places.values() if self._places is not None else {}
            status += [
                diagnostics.with_depth(camera.status(), depths.get(camera.name, {}))
                for camera in self.cameras.values()
            ]
            array.status = status + diagnostics.standing_statuses(name, self.standing)
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Answer open questions with SHUTTING_DOWN, wait for those replies, stop the worker."""
        self._is_closed = True
        self._guarded(self._end, 'shut down')
        self._views.close()

    def destroy_node(self) -> None:
        """Destroy the action server and everything else that the node created in the middleware."""
        self._questions.destroy()
        super().destroy_node()


def load_backend(
    settings: Settings, on_start: Callable[[OwnProcessBackend], None] | None = None
) -> Backend:
    """The backend that the settings name, in a process of its own unless they say otherwise.

    on_start: gets a backend with a process of its own before it is loaded.
    """
    if not settings.own_process:
        return load_by_name(settings.backend, settings_of(settings))
    return OwnProcessBackend(
        settings.backend,
        settings_of(settings),
        kept_bytes=round(settings.decoded_megabytes * 1e6),
        patience_s=settings.stuck_seconds,
        on_start=on_start,
    )
