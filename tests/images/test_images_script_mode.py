"""Script mode for real: `python <programs> script-mode train` under an environment's Python, and what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from images_support import Container, Ran, plant_layer, wheel

from stepwell.images import commands
from stepwell.images.environments import Environment


@pytest.fixture
def python(tmp_path: Path, tiny: Environment) -> Path:
    """The Python of a job's layer, so that pip may install."""
    folder = tmp_path / "layer"
    plant_layer(tiny, folder, str(folder))
    return folder / "bin" / "python"


def run(container: Container, python: Path, **variables: str) -> Ran:
    return container.run(python, "script-mode", "train", variables=variables)


def test_a_script_gets_arguments_variables_and_its_folders(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": '"train.py"', "max-depth": "3", "name": '"a b"'}
    container.channel("train", a_csv="1,2\n")
    container.file("code/helper.py", "value = 7\n")
    container.file(
        "code/train.py",
        "import json, os, sys, helper, tiny\n"
        "print('ARGS', json.dumps(sys.argv[1:]), helper.value, tiny.version, os.getcwd())\n"
        "print('HOST', os.environ['CURRENT_HOST'], os.environ['SAGEMAKER_JOB_NAME'])\n"
        "data = open(os.environ['SM_CHANNEL_TRAIN'] + '/a.csv').read()\n"
        "open(os.environ['SM_MODEL_DIR'] + '/model', 'w').write(data)\n"
        "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/out', 'w').write('x')\n",
    )
    ran = run(container, python)
    assert ran.code == 0, ran.errors
    assert ran.output == (
        f'ARGS ["--max-depth", "3", "--name", "a b"] 7 1.0 {container.root}/code\nHOST algo-1 job-1\n'
    )
    assert (container.root / "model" / "model").read_text() == "1,2\n"
    assert (container.root / "output" / "data" / "out").exists()
    assert (container.root / "output" / "success").exists()
    assert ran.failure is None
    assert "sagemaker-training-toolkit INFO     Invoking user script" in ran.errors
    assert f"{python} train.py --max-depth 3 --name a b" in ran.errors
    assert "Reporting training SUCCESS" in ran.errors


def test_a_failing_script_leaves_the_toolkits_failure_text(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py", "n": "1"}
    container.file(
        "code/train.py", "import sys\nprint('before', file=sys.stderr)\nraise ValueError('no such column')\n"
    )
    ran = run(container, python)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith(
        'ExecuteUserScriptError:\nExitCode 1\nErrorMessage "Traceback (most recent call last):'
    )
    assert ran.failure.endswith(f'ValueError: no such column"\nCommand "{python} train.py -n 1"')
    assert "before" not in ran.failure
    assert "before\n" in ran.errors
    assert "Reporting training FAILURE" in ran.errors
    assert not (container.root / "output" / "success").exists()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("sys.exit(3)", "ExitCode 3\n"),
        ("sys.exit('give up')", 'ExitCode 1\nErrorMessage "give up"'),
        (
            "os.kill(os.getpid(), 9)",
            'ExitCode 137\nErrorMessage ""\nExtraInfo "OutOfMemory: Process killed by SIGKILL',
        ),
    ],
)
def test_the_scripts_own_exit_code_is_in_the_failure_text(
    container: Container, python: Path, statement: str, expected: str
) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/train.py", f"import os, sys\n{statement}\n")
    ran = run(container, python)
    assert ran.code == 1
    assert ran.failure is not None
    assert expected in ran.failure


def test_a_failure_file_of_the_scripts_own_stays(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/train.py", f"open({str(container.root / 'output' / 'failure')!r}, 'w').write('mine')\n1/0\n")
    container.file("output/data/.keep", "")
    assert run(container, python).failure == "mine"


def test_a_long_traceback_keeps_its_end_and_the_command_within_a_failure_reason(
    container: Container, python: Path
) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/train.py", "def f(n):\n    return f(n - 1) if n else 1 / 0\nf(300)\n")
    ran = run(container, python)
    assert ran.failure is not None
    assert "ZeroDivisionError: division by zero" in ran.failure
    assert len(ran.failure) <= 1024


def test_requirements_are_installed_for_this_job(container: Container, python: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "extra", "1.0")
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/requirements.txt", f"--no-index\n--find-links {tmp_path}/wheels\nextra==1.0\n")
    container.file("code/train.py", "import extra; print('HAVE', extra.version)\n")
    ran = run(container, python)
    assert "HAVE 1.0\n" in ran.output, ran.errors
    assert "Successfully installed extra-1.0" in ran.output


def test_requirements_that_do_not_install_fail_the_job(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/requirements.txt", "--no-index\nno-such-package\n")
    container.file("code/train.py", "")
    ran = run(container, python)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith("InstallRequirementsError:\nExitCode 1\n")
    assert "No matching distribution found for no-such-package" in ran.failure


@pytest.mark.parametrize("name", ["train.sh", "train"])
def test_a_command_is_run_by_the_shell(container: Container, python: Path, name: str) -> None:
    container.hyperparameters = {"sagemaker_program": name, "text": '"a $HOME b"'}
    container.file(f"code/{name}", '#!/bin/sh\necho "GOT $1 $2 $SM_CURRENT_HOST"\n')
    assert run(container, python).output == "GOT --text a $HOME b algo-1\n"


def test_a_package_is_installed_and_run_as_a_module(container: Container, python: Path, tmp_path: Path) -> None:
    """setup.py makes it a package; here pip is kept from building by a program that stands in for it."""
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/setup.py", "")
    container.file("code/train.py", "import sys; print('AS', __name__, sys.argv[1:], __spec__.name)\n")
    container.file("code/pip.py", "import sys; print('PIP', sys.argv[1:])\n")
    ran = run(container, python)
    assert ran.output == "PIP ['install', '.']\nAS __main__ [] train\n"


@pytest.mark.parametrize(
    ("hyperparameters", "expected"),
    [
        ({}, "no hyperparameter sagemaker_program names it"),
        ({"sagemaker_program": "missing.py"}, "the entry point 'missing.py' is not in the code; there is: other.py."),
    ],
)
def test_without_an_entry_point_the_failure_says_so(
    container: Container, python: Path, hyperparameters: dict[str, str], expected: str
) -> None:
    container.hyperparameters = hyperparameters
    container.file("code/other.py", "")
    ran = run(container, python)
    assert ran.code == 1
    assert ran.failure is not None
    assert expected in ran.failure


def test_a_missing_configuration_is_told_with_its_traceback(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.resources = {"hosts": ["algo-1"]}
    ran = run(container, python)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith("Framework Error: \nTraceback ")
    assert "KeyError: 'current_host'" in ran.failure


def test_sigterm_reaches_the_script(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.py"}
    script = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'SAVED\\n'), os._exit(0)))\n"
        "print('READY', flush=True)\n"
        "time.sleep(20)\n"
    )
    container.file("code/train.py", script)
    container.configure()
    command = [str(python), str(commands.PROGRAMS), "script-mode", "train"]
    with subprocess.Popen(
        command, env=container.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "SAVED\n"
    assert process.returncode == 0


def test_a_background_child_does_not_hold_the_job(container: Container, python: Path) -> None:
    container.hyperparameters = {"sagemaker_program": "train.sh"}
    container.file("code/train.sh", "#!/bin/sh\nsleep 30 >/dev/null &\necho $! >&2\nexit 0\n")
    container.configure()
    log = container.file("stderr", "")
    with log.open("w") as errors:
        command = [str(python), str(commands.PROGRAMS), "script-mode", "train"]
        code = subprocess.run(command, env=container.environment(), stderr=errors, timeout=20).returncode
    child = next(int(line) for line in log.read_text().splitlines() if line.isdecimal())
    os.kill(child, signal.SIGKILL)
    assert code == 0


class Bucket(BaseHTTPRequestHandler):
    """An S3 that knows one object."""

    content = b""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.content)

    def _answer(self, body: bytes) -> None:
        found = self.path.startswith("/code-bucket/a%20b/sourcedir.tar.gz")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.content)) if found else "0")
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(body if found else b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[str]:
    script = tmp_path / "train.py"
    script.write_text("print('FROM S3')\n")
    path = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(script, "train.py")
    Bucket.content = path.read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "s3cret-key", "AWS_REGION": "us-east-1"}


def test_the_code_is_fetched_from_s3(container: Container, s3: str) -> None:
    container.hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": '"s3://code-bucket/a b/sourcedir.tar.gz"',
    }
    ran = run(container, Path(sys.executable), AWS_ENDPOINT_URL=s3, **CREDENTIALS)
    assert ran.output == "FROM S3\n", ran.errors
    assert json.loads(json.dumps("s3://code-bucket/a b/sourcedir.tar.gz")) in ran.errors


def test_code_that_cannot_be_fetched_fails_the_job_without_telling_secrets(container: Container, s3: str) -> None:
    uri = "s3://code-bucket/missing.tar.gz"
    container.hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": uri}
    ran = run(container, Path(sys.executable), AWS_ENDPOINT_URL=s3, **CREDENTIALS)
    assert ran.code == 1
    assert ran.failure is not None
    assert ran.failure.startswith(f"sagemaker_submit_directory: {uri} could not be downloaded: ")
    assert "s3cret-key" not in ran.failure + ran.errors


@pytest.mark.parametrize(("task", "name"), [("train", "AlgorithmSpecification"), ("process", "AppSpecification")])
def test_a_plain_image_says_what_to_pass(container: Container, python: Path, task: str, name: str) -> None:
    ran = container.run(python, "python", task)
    assert ran.code == 1
    assert ran.failure is not None
    assert f"Pass {name}.ContainerEntrypoint" in ran.failure
    assert ran.failure in ran.errors


def test_a_plain_image_becomes_its_train_program(container: Container, python: Path) -> None:
    program = container.file("bin/train", "#!/bin/sh\necho TRAINED\nexit 4\n")
    program.chmod(0o755)
    ran = container.run(python, "python", "train", variables={"PATH": f"{program.parent}:/usr/bin:/bin"})
    assert (ran.code, ran.output) == (4, "TRAINED\n")


def test_the_programs_run_from_any_mount_and_leave_no_path_behind(
    container: Container, python: Path, tmp_path: Path
) -> None:
    """The mount's name becomes a package's name; the script must not find our folders on its path."""
    mount = tmp_path / "opt" / "any-name.x"
    mount.parent.mkdir()
    mount = mount.with_name("mounted")
    mount.symlink_to(commands.PROGRAMS)
    container.hyperparameters = {"sagemaker_program": "train.py"}
    container.file("code/train.py", "import sys; print([p for p in sys.path if 'images' in p or 'opt/' in p])\n")
    container.configure()
    environment = {**container.environment(), "SAGEMAKER_BASE_DIR": str(container.root)}
    done = subprocess.run([python, mount, "script-mode", "train"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
