# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from molmo_ground_ros import config
from molmo_ground_ros.errors import BadSetting
from tools import write_docs


def test_defaults_are_within_their_own_limits() -> None:
    settings = config.Settings()
    for name in config.limits():
        config.check(name, getattr(settings, name))


def test_every_setting_says_what_it_means() -> None:
    for name, limits in config.limits().items():
        assert len(limits.text) > 20, name
        assert (limits.lowest is None) == (limits.highest is None), name


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        pytest.param('queue_size', -1, 'from 0 to 64', id='below'),
        pytest.param('queue_size', 65, 'from 0 to 64', id='above'),
        pytest.param('queue_size', 1.5, 'whole number', id='not whole'),
        pytest.param('queue_size', True, 'whole number', id='a truth value is no number'),
        pytest.param('buffer_seconds', math.nan, 'from 0.5 to 63', id='nan'),
        pytest.param('buffer_seconds', '30', 'a number', id='text for a number'),
        pytest.param('buffer_seconds', False, 'a number', id='truth value for a number'),
        pytest.param('model', 7, 'a text', id='number for a text'),
        pytest.param('dtype', 'int2', 'auto, float32', id='not a choice'),
        pytest.param('image_topics', 'image', 'a list of texts', id='text for a list'),
        pytest.param('image_topics', [1], 'a list of texts', id='list of numbers'),
        pytest.param('colour', 'red', 'no such setting', id='unknown'),
    ],
)
def test_bad_value_is_refused_with_name_value_and_reason(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        config.settings({name: value})
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    'values',
    [
        {'image_topics': []},
        {'image_topics': ['a', 'a']},
        {'image_topics': ['']},
        {'image_topics': ['a', 'b'], 'camera_names': ['x', 'x']},
        {'image_topics': ['a', 'b'], 'camera_names': ['x']},
        {'image_topics': ['a'], 'depth_topics': ['x', 'y']},
        {'image_topics': ['a'], 'camera_info_topics': ['x', 'y']},
    ],
)
def test_cameras_must_be_distinct_and_one_a_topic(values: dict[str, object]) -> None:
    with pytest.raises(BadSetting, match=r'image.topics|camera'):
        config.settings(values)


def test_camera_is_named_as_its_topic_unless_told_otherwise() -> None:
    assert config.settings({'image_topics': ['a', 'b']}).cameras == ('a', 'b')
    named = config.settings({'image_topics': ['a'], 'camera_names': ['front']})
    assert named.cameras == ('front',)


def test_whole_number_serves_where_a_number_is_wanted() -> None:
    assert config.settings({'buffer_seconds': 10}).buffer_seconds == 10


def test_parameter_file_is_what_the_settings_say() -> None:
    assert write_docs.YAML.read_text() == write_docs.yaml_text(), 'run python -m tools.write_docs'


def test_readme_table_is_what_the_settings_say() -> None:
    readme = write_docs.README.read_text()
    assert readme == write_docs.with_table(readme), 'run python -m tools.write_docs'


def test_a_password_in_the_models_address_is_refused_and_not_shown() -> None:
    with pytest.raises(BadSetting, match=r'model.*http://\*\*\*@box:8000/v1') as caught:
        config.settings({'model': 'http://anna:hunter2@box:8000/v1#m'})
    assert 'hunter2' not in str(caught.value)
