# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ground_ros.errors import BadQuestion
from molmo_ground_ros.language.prompts import MAX_QUESTION, question_of
from molmo_ground_ros.types import Query, Question, Task

QUESTIONS = [
    # counting
    ('How many times was the red block grasped?', Task.COUNT),
    ('how many times was the red block grasped', Task.COUNT),
    ('HOW MANY red blocks are there?', Task.COUNT),
    ('Count the grasps of the red block.', Task.COUNT),
    ('count red blocks', Task.COUNT),
    ('Please count every cup on the table.', Task.COUNT),
    ('Can you count the number of cups in the video?', Task.COUNT),
    ('Could you tell me how many cups fell?', Task.COUNT),
    ('Tell me how many cups there are and point to them.', Task.COUNT),
    ('How many "red block" are there in the video?', Task.COUNT),
    ('In the video, how many cups are there?', Task.COUNT),
    ('In this video how many cups are there?', Task.COUNT),
    ('Find each cup. How many are there?', Task.COUNT),
    ('Where are the cups? How many are there?', Task.COUNT),
    ('What is the total number of cups in the video?', Task.COUNT),
    ("What's the number of times the gripper closed?", Task.COUNT),
    ('Give me the count of cups in the video.', Task.COUNT),
    ('The number of times the red block was grasped?', Task.COUNT),
    ('How often did the robot grasp the red block?', Task.COUNT),
    ('Point to and count the cups in the video.', Task.COUNT),
    ('Locate every cup and count them', Task.COUNT),
    ('Point to all occurrences of "cup" and output the total count.', Task.COUNT),
    ('I want to know how many cups there are', Task.COUNT),
    ('Number of grasps of the red block', Task.COUNT),
    ('What number of blocks are there?', Task.COUNT),
    ('How many times did the robot grasp the red block, and where was each grasp?', Task.COUNT),
    ('How many second cups from the left are there?', Task.COUNT),
    ('Point at the smallest ball and then tell me the count.', Task.COUNT),
    ('Point to all the visible blocks output the total count', Task.COUNT),
    # tracking
    ('Detect the red block and follow it', Task.TRACK),
    ('Track the red block in 2 FPS', Task.TRACK),
    ('track: red block', Task.TRACK),
    ('tracking: red block', Task.TRACK),
    ('Track red block.', Task.TRACK),
    ('please track "red block".', Task.TRACK),
    ('Could you please follow the gripper?', Task.TRACK),
    ('Follow the cup throughout this video.', Task.TRACK),
    ('Keep track of the cup', Task.TRACK),
    ('Identify and track each cup in this video clip.', Task.TRACK),
    ('For each cup in the video, track its position throughout the clip.', Task.TRACK),
    ('Monitor the movement of all cups in this video.', Task.TRACK),
    ('Locate the cup and track it.', Task.TRACK),
    # pointing
    ('Point to every grasp of the red block.', Task.POINT),
    ('Point to all occurrences of "count to ten"', Task.POINT),
    ('Point: Where are the cups', Task.POINT),
    ('Where did the robot put the cup?', Task.POINT),
    ("Where's the cup?", Task.POINT),
    ('where are the cups', Task.POINT),
    ('Can you tell me where the cup is?', Task.POINT),
    ('Show me all visible cups', Task.POINT),
    ('Show me where a cup is.', Task.POINT),
    ('Locate the cup.', Task.POINT),
    ('find cup', Task.POINT),
    ('Find out where the cup is.', Task.POINT),
    ('Please find the cup and show me where it is.', Task.POINT),
    ('Can you point out all cups in this video?', Task.POINT),
    ('Can you see any cup in the video? Point to them.', Task.POINT),
    ('If there are any cups present, indicate their positions.', Task.POINT),
    ("Point to the cup\nPlease say 'There are none.' if it is not in the video.", Task.POINT),
    ('Point \u2018to\u2019 it? Where\u2019s the cup?', Task.POINT),
    ('Show the red block', Task.POINT),
    ('Highlight the cup', Task.POINT),
    ('What are the coordinates of the cup?', Task.POINT),
    ('Robot, point to the cup', Task.POINT),
    ('Point to visual artifacts.', Task.POINT),
    ('Where does something vanish?', Task.POINT),
    ('Please mark a fall of the cup in the video', Task.POINT),
    # everything else
    ('Name everything that was dropped.', Task.TEXT),
    ('List everything that was picked up, in order.', Task.TEXT),
    ('In which order were the objects pushed in the recording', Task.TEXT),
    ('On which table is the cup', Task.TEXT),
    ('sum up this recording.', Task.TEXT),
    ('Caption the clip shortly.', Task.TEXT),
    ('Write a summary of the video.', Task.TEXT),
    ('How many milliseconds did it take?', Task.TEXT),
    ('Follow-up: what colour is it?', Task.TEXT),
    ('Can you see the red block?', Task.TEXT),
    ('What happened after you count to three?', Task.TEXT),
    ('Has the robot counted the blocks?', Task.TEXT),
    ('What is the count on the display?', Task.TEXT),
    ('What is the number on the box?', Task.TEXT),
    ('Which track does the train take?', Task.TEXT),
    ('Is the point of the knife visible?', Task.TEXT),
    ('Does the robot follow the person?', Task.TEXT),
    ('Is the cup where it was before?', Task.TEXT),
    ('How many seconds did the grasp last?', Task.TEXT),
    ('How does the robot hold the cup?', Task.TEXT),
    ('What colour is the block?', Task.TEXT),
    ('When did the cup fall off the table?', Task.TEXT),
    ('Did anyone count the money?', Task.TEXT),
    ('Show me how the drawer opens.', Task.TEXT),
    ('Find out whether the drawer is open.', Task.TEXT),
    ('Describe the scene.', Task.TEXT),
    ('Can the robot reach the cup', Task.TEXT),
    ('Tell me what happened', Task.TEXT),
    ('Tell me the colour of the block', Task.TEXT),
    ('Please say whether the drawer is open', Task.TEXT),
    ('List the objects on the table', Task.TEXT),
    ('The red one?', Task.TEXT),
]

LABELS = [
    'red block',
    'robot arm',
    'so called cup',
    'grasp of the red block',
    'can of soda',
    'name tag',
    'caption text',
    'write head',
    'second hand',
    'point of the knife',
]


def prompt(text, task):
    """What the model is sent, and the task."""
    question = question_of(Query(text, task))
    return question.prompt, question.task


def task_of(text):
    return question_of(Query(text)).task


@pytest.mark.parametrize(('text', 'task'), QUESTIONS)
def test_a_question_tells_its_task(text, task):
    assert task_of(text) is task


@pytest.mark.parametrize(('text', 'task'), QUESTIONS)
def test_a_question_is_passed_on_as_asked(text, task):
    assert prompt(f'  {text}\n', Task.AUTO) == (text, task)


@pytest.mark.parametrize('label', LABELS)
def test_a_bare_label_is_pointed_to(label):
    assert task_of(label) is Task.POINT
    assert prompt(label, Task.AUTO) == (f'Point to all occurrences of "{label}"', Task.POINT)


@pytest.mark.parametrize(
    ('task', 'wording'),
    [
        (Task.POINT, 'Point to all occurrences of "red block"'),
        (Task.COUNT, 'How many "red block" are there in the video?'),
        (Task.TRACK, 'Track the red block in 2 FPS'),
    ],
)
@pytest.mark.parametrize('label', ['red block', ' the red  block. ', '"red block"'])
def test_a_bare_label_gets_the_trained_wording(label, task, wording):
    assert prompt(label, task) == (wording, task)


def test_a_bare_label_is_passed_on_as_it_is_when_text_is_asked_for():
    assert prompt(' the red block. ', Task.TEXT) == ('the red block.', Task.TEXT)


def test_braces_and_quotes_in_a_label_are_only_text():
    assert prompt('{0} 3" pipe', Task.COUNT)[0] == 'How many "{0} 3\' pipe" are there in the video?'


def test_an_explicit_task_does_not_change_the_question():
    question = 'How many red blocks are there?'
    assert prompt(question, Task.POINT) == (question, Task.POINT)


@pytest.mark.parametrize('text', ['', ' \n\t', 'x' * (MAX_QUESTION + 1)])
def test_no_text_or_too_much_is_refused(text):
    with pytest.raises(BadQuestion):
        prompt(text, Task.AUTO)


def test_the_longest_question_passes():
    assert prompt('x' * MAX_QUESTION, Task.TEXT) == ('x' * MAX_QUESTION, Task.TEXT)


def test_token_limits_are_those_of_the_evaluation():
    limits = {task: task.token_limit for task in Task if task is not Task.AUTO}
    expected = {Task.POINT: 2048, Task.COUNT: 2048, Task.TRACK: 4096, Task.TEXT: 512}
    assert limits == expected


@given(st.text(max_size=MAX_QUESTION), st.sampled_from(Task))
def test_every_text_gets_a_prompt_and_a_task_or_is_refused(text, task):
    try:
        asked, resolved = prompt(text, task)
    except BadQuestion:
        assert not text.strip()
    else:
        assert asked.strip()
        assert resolved is (task or task_of(text.strip()))
        assert resolved is not Task.AUTO


@pytest.mark.parametrize('piece', ['please ', 'and ', '"', 'how ', 'point to and ', '. ', 'the '])
def test_a_long_repetitive_question_takes_no_long_time(piece):
    assert task_of(piece * (MAX_QUESTION // len(piece))) in set(Task) - {Task.AUTO}


def test_a_question_holds_its_query_and_the_limit_of_its_task():
    query = Query(' Track the cup ', Task.AUTO, 'front', 1, 2)
    assert question_of(query) == Question(query, Task.TRACK, 'Track the cup', 4096)


def test_a_limit_that_is_given_holds_for_every_task():
    assert question_of(Query('Track the cup'), max_new_tokens=9).max_new_tokens == 9


def test_instructions_of_the_task_stand_on_a_line_of_their_own():
    instructions = {Task.POINT: 'Answer in JSON.', Task.TRACK: 'With ids.'}
    assert question_of(Query('cup'), instructions).prompt == (
        'Point to all occurrences of "cup"\nAnswer in JSON.'
    )
    assert question_of(Query('Is it idle?'), instructions).prompt == 'Is it idle?'


@pytest.mark.parametrize('text', ['', ' goat ', '6" pipe', 'x' * (MAX_QUESTION + 1)])
def test_verbatim_words_are_sent_as_they_are(text):
    question = question_of(Query(text, Task.POINT), {Task.POINT: 'In JSON.'}, verbatim=True)
    assert question.prompt == f'{text}\nIn JSON.'
