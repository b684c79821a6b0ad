"""Plans: what a request of either kind becomes, and the config files that a container reads."""

from __future__ import annotations

import pytest

from stepwell.base.documents import Document
from stepwell.container import layout, plan, processing, training
from stepwell.container.plan import Group, Input, Location, Output, Pipe, Refusal

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/j"


def processing_request(**more: object) -> Document:
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        "AppSpecification": {"ImageUri": "python:3.11", "ContainerEntrypoint": ["python3", "x.py"]},
        "RoleArn": ROLE,
        **more,
    }


def processing_input(**more: object) -> Document:
    source = {"S3Uri": "s3://b/in", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", **more}
    return {"InputName": "data", "S3Input": source}


def training_request(**more: object) -> Document:
    return {
        "AlgorithmSpecification": {"TrainingImage": "python:3.11", "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://b/models/"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        **more,
    }


def channel(name: str = "train", **more: object) -> Document:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **more}


def test_a_processing_request_as_a_plan() -> None:
    output = {"S3Uri": "s3://b/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "Continuous"}
    made = processing.plan(
        "j",
        ARN,
        processing_request(
            ProcessingInputs=[
                processing_input(S3DataDistributionType="ShardedByS3Key"),
                {"InputName": "own", "AppManaged": True, "S3Input": {"S3Uri": "s3://b/x", "S3DataType": "S3Prefix"}},
            ],
            ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]},
            NetworkConfig={"EnableNetworkIsolation": True},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        ),
    )
    assert made.hosts == ("algo-1", "algo-2")
    assert made.inputs == (Input("data", Location("b", "in"), "/opt/ml/processing/in", sharded=True),)
    assert made.outputs == (Output("out", "/opt/ml/processing/out", Location("b", "out"), continuous=True),)
    assert "/opt/ml/processing/out" in made.folders
    assert (made.network, made.max_runtime_seconds) == (False, 60)
    assert made.notices == ()


def test_the_processing_config_holds_the_request_with_nulls() -> None:
    config = processing.config("j", ARN, processing_request(ProcessingInputs=[processing_input()]))
    assert config["ProcessingJobArn"] == ARN
    assert config["AppSpecification"]["ContainerArguments"] is None
    assert config["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert config["ProcessingInputs"][0]["S3Input"]["S3DataDistributionType"] == "FullyReplicated"
    assert config["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/opt/ml/processing", True),
        ("/opt/ml/processing/a/b", True),
        ("/opt/ml/processing/", True),
        ("/opt/ml/processing/../../etc", False),
        ("/opt/ml/processing/a/..", False),
        ("/opt/ml/processing\0", False),
        ("/opt/ml/processingx", False),
        ("/opt/ml/input", False),
        ("/opt/ml", False),
        ("opt/ml/processing", False),
        ("//opt/ml/processing", False),
        ("/", False),
        ("", False),
    ],
)
def test_local_paths_lie_below_opt_ml_processing(path: str, allowed: bool) -> None:
    assert processing.is_local_path(path) is allowed
    request = processing_request(ProcessingInputs=[processing_input(LocalPath=path)])
    if allowed:
        assert processing.plan("j", ARN, request).inputs
    else:
        with pytest.raises(Refusal, match="LocalPath"):
            processing.plan("j", ARN, request)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"S3Uri": "https://b/in"}, "not an S3 URI"),
        ({"S3Uri": "s3:///in"}, "not an S3 URI"),
    ],
)
def test_what_processing_cannot_do_is_said(source: Document, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        processing.plan("j", ARN, processing_request(ProcessingInputs=[processing_input(**source)]))


@pytest.mark.parametrize(
    ("source", "pipe"),
    [
        ({}, None),
        ({"S3InputMode": "File"}, None),
        ({"S3InputMode": "Pipe"}, Pipe()),
        ({"S3InputMode": "Pipe", "S3CompressionType": "None"}, Pipe()),
        ({"S3InputMode": "Pipe", "S3CompressionType": "Gzip"}, Pipe(unzipped=True)),
    ],
)
def test_processing_inputs_are_files_or_streams(source: Document, pipe: Pipe | None) -> None:
    made = processing.plan("j", ARN, processing_request(ProcessingInputs=[processing_input(**source)]))
    assert made.inputs[0].pipe == pipe
    assert any(entry.path == "processing/in" for entry in layout.tree(made, "algo-1")) is (pipe is None)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"ProcessingInputs": [{"InputName": "q", "DatasetDefinition": {"AthenaDatasetDefinition": {}}}]},
            'Input "q" is the result of a query that Amazon Athena is to run, and there is no Amazon Athena here.',
        ),
        (
            {"ProcessingInputs": [{"InputName": "q", "DatasetDefinition": {"RedshiftDatasetDefinition": {}}}]},
            "there is no Amazon Redshift here",
        ),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {"OutputName": "o", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "g"}}
                    ]
                }
            },
            'Output "o" goes to the feature group "g" of Amazon SageMaker Feature Store',
        ),
    ],
)
def test_services_that_are_not_here_are_named(more: Document, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        processing.plan("j", ARN, processing_request(**more))


def test_what_the_application_manages_is_left_to_it() -> None:
    query = {"InputName": "q", "AppManaged": True, "DatasetDefinition": {"AthenaDatasetDefinition": {}}}
    data = {**processing_input(), "AppManaged": True}
    output = {"OutputName": "o", "AppManaged": True, "S3Output": {"S3Uri": "s3://b/o", "S3UploadMode": "EndOfJob"}}
    made = processing.plan(
        "j",
        ARN,
        processing_request(ProcessingInputs=[query, data], ProcessingOutputConfig={"Outputs": [output]}),
    )
    assert (made.inputs, made.outputs) == ((), ())


def test_a_training_request_as_a_plan() -> None:
    made = training.plan(
        "j",
        ARN,
        training_request(
            HyperParameters={"a": "1"},
            InputDataConfig=[channel(ContentType="text/csv"), channel("test", InputMode="FastFile")],
            CheckpointConfig={"S3Uri": "s3://b/check"},
            Environment={"X": "y"},
        ),
    )
    assert [(each.name, each.target, each.optional) for each in made.inputs] == [
        ("train", "/opt/ml/input/data/train", False),
        ("test", "/opt/ml/input/data/test", False),
        ("checkpoints", "/opt/ml/checkpoints", True),
    ]
    shown = [(o.name, str(o.location), o.archive, o.even_if_failed, o.continuous) for o in made.outputs]
    assert shown == [
        ("model", "s3://b/models/j/output/model.tar.gz", True, False, False),
        ("output", "s3://b/models/j/output/output.tar.gz", True, True, False),
        ("checkpoints", "s3://b/check", False, True, True),
    ]
    assert made.files["/opt/ml/input/config/hyperparameters.json"] == {"a": "1"}
    assert made.files["/opt/ml/input/config/inputdataconfig.json"] == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "text/csv",
        },
        "test": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"},
    }
    assert made.environment == {"TRAINING_JOB_NAME": "j", "TRAINING_JOB_ARN": ARN, "X": "y"}
    assert "FastFile" in made.notices[0]


def test_an_uncompressed_model_keeps_its_files() -> None:
    request = training_request(OutputDataConfig={"S3OutputPath": "s3://b/models", "CompressionType": "NONE"})
    model, data = training.plan("j", ARN, request).outputs
    assert (str(model.location), model.archive) == ("s3://b/models/j/output/model/", False)
    assert (str(data.location), data.archive) == ("s3://b/models/j/output/output/", False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (channel(CompressionType="Gzip"), "CompressionType Gzip can only be used with InputMode Pipe"),
        (channel(RecordWrapperType="RecordIO"), "RecordIO can only be used with InputMode Pipe"),
        (channel(DataSource={"S3DataSource": {"S3DataType": "Converse"}}), "S3DataType Converse, which is not built"),
        ({"ChannelName": "x", "DataSource": {"FileSystemDataSource": {}}}, "does not read from S3"),
        (
            {"ChannelName": "x", "DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile"}}},
            "S3DataType AugmentedManifestFile can only be used with InputMode Pipe",
        ),
        (
            {
                "ChannelName": "x",
                "InputMode": "Pipe",
                "DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": "s3://b/x"}},
            },
            "needs AttributeNames",
        ),
    ],
)
def test_what_training_cannot_do_is_said(given: Document, told: str) -> None:
    with pytest.raises(Refusal, match=told):
        training.plan("j", ARN, training_request(InputDataConfig=[given]))


def test_tensorboard_data_goes_below_the_jobs_name() -> None:
    made = training.plan("j", ARN, training_request(TensorBoardOutputConfig={"S3OutputPath": "s3://b/board"}))
    assert made.outputs[-1] == Output(
        "tensorboard", "/opt/ml/output/tensorboard", Location("b", "board/j/tensorboard-output"), continuous=True
    )


def test_a_channel_that_is_streamed() -> None:
    source = {
        "S3DataType": "AugmentedManifestFile",
        "S3Uri": "s3://b/lines",
        "AttributeNames": ["b-ref", "a"],
        "S3DataDistributionType": "ShardedByS3Key",
    }
    given = channel(
        InputMode="Pipe",
        CompressionType="Gzip",
        RecordWrapperType="RecordIO",
        ShuffleConfig={"Seed": 3},
        DataSource={"S3DataSource": source},
    )
    made = training.plan("j", ARN, training_request(InputDataConfig=[given]))
    (wanted,) = made.inputs
    assert (wanted.listing, wanted.sharded, wanted.attributes) == ("augmented", True, ("b-ref", "a"))
    assert wanted.pipe == Pipe(unzipped=True, wrapped=True, seed=3)
    assert made.files["/opt/ml/input/config/inputdataconfig.json"]["train"] == {
        "TrainingInputMode": "Pipe",
        "S3DistributionType": "ShardedByS3Key",
        "RecordWrapperType": "RecordIO",
    }
    assert all(entry.path != "input/data/train" for entry in layout.tree(made, "algo-1"))


def test_channels_of_instance_groups() -> None:
    groups = [
        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "lead"},
        {"InstanceType": "ml.c5.large", "InstanceCount": 2, "InstanceGroupName": "rest"},
    ]
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x", "InstanceGroupNames": ["rest"]}
    channels = [channel(), channel("some", DataSource={"S3DataSource": source})]
    request = training_request(ResourceConfig={"InstanceGroups": groups}, InputDataConfig=channels)
    made = training.plan("j", ARN, request)
    assert [made.receivers(each) for each in made.inputs] == [("algo-1", "algo-2", "algo-3"), ("algo-2", "algo-3")]
    folders = {host: {entry.path for entry in layout.tree(made, host)} for host in made.hosts}
    assert ["input/data/some" in folders[host] for host in made.hosts] == [False, True, True]


def test_instance_groups_number_their_hosts_on() -> None:
    groups = [
        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "lead"},
        {"InstanceType": "ml.c5.large", "InstanceCount": 2, "InstanceGroupName": "rest"},
    ]
    made = training.plan("j", ARN, training_request(ResourceConfig={"InstanceGroups": groups}))
    assert made.groups == (
        Group("lead", "ml.m5.large", ("algo-1",)),
        Group("rest", "ml.c5.large", ("algo-2", "algo-3")),
    )
    config = layout.resource_config(made, "algo-3")
    assert config["current_host"] == "algo-3"
    assert config["current_instance_type"] == "ml.c5.large"
    assert config["current_group_name"] == "rest"
    assert config["hosts"] == ["algo-1", "algo-2", "algo-3"]
    assert config["instance_groups"][1] == {
        "instance_group_name": "rest",
        "instance_type": "ml.c5.large",
        "hosts": ["algo-2", "algo-3"],
    }


def test_the_first_preferred_instance_type_is_taken() -> None:
    preferences = [{"InstanceType": "ml.c5.large", "InstanceCount": 2}, {"InstanceType": "ml.m5.large"}]
    made = training.plan("j", ARN, training_request(ResourceConfig={"InstancePreferences": preferences}))
    assert made.groups == (Group("homogeneousCluster", "ml.c5.large", ("algo-1", "algo-2")),)


def test_the_requests_own_variables_win() -> None:
    made = processing.plan("j", ARN, processing_request(Environment={"LANG": "de_DE", "MINE": "1"}))
    found = layout.variables(made, {"LANG": "en_US", "PIP": "1"}, ("/env/bin",), "eu-west-1")
    assert found["PATH"].startswith("/env/bin:/usr/local/sbin:")
    assert (found["LANG"], found["MINE"], found["PIP"]) == ("de_DE", "1", "1")
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert (found["HOME"], found["PYTHONUNBUFFERED"]) == ("/root", "1")


def test_locations() -> None:
    assert plan.location("s3://b") == Location("b", "")
    assert plan.location("s3://b/a/b") == Location("b", "a/b")
    assert str(Location("b", "a/").below("c/d")) == "s3://b/a/c/d"
    assert str(Location("b", "").below("c")) == "s3://b/c"
