"""Room checks: what each rule refuses, where it points, and what it lets through."""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
from pathlib import Path

import pytest
from whole_steps import get, problems, step

from stepwell import checks
from stepwell.checks import arguments
from stepwell.checks.running import PER_RULE, Subject, require, run
from stepwell.definition.json_text import JSON
from stepwell.definition.parse import parse
from stepwell.definition.problems import DefinitionError, Problem, shown
from stepwell.spec.models import operation

SHARED = ("running", "operand_kinds", "property_forms")
RULES = [found.name for found in pkgutil.iter_modules(checks.__path__) if found.name not in SHARED]
FOLDER = Path(__file__).parent.parent / "definition" / "sdk_v2"


def choice(name: str = "C", if_steps: JSON = None, else_steps: JSON = None, **members: JSON) -> dict[str, JSON]:
    arguments: JSON = {"Conditions": [], "IfSteps": if_steps or [], "ElseSteps": else_steps or []}
    return step(name, "Condition", arguments, **members)


def reading(path: str, **members: JSON) -> JSON:
    """A step that reads `path` in an argument that takes any string."""
    return step("R", "Training", {"Environment": {"X": get(path)}}, **members)


READ = "/Steps/1/Arguments/Environment/X/Get"


@pytest.mark.parametrize("rule", RULES)
def test_every_file_exports_a_check(rule: str) -> None:
    check = importlib.import_module(f"stepwell.checks.{rule}").check
    assert list(check(Subject(parse('{"Steps": []}'), operation))) == []


@pytest.mark.parametrize("file", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_what_the_sdk_writes_has_no_problems(file: str) -> None:
    require(parse((FOLDER / f"{file}.json").read_text()), operation)


def test_problems_come_in_the_order_of_the_definition_and_once() -> None:
    steps: list[JSON] = [step(f"S{number}", "Nonsense" if number in (2, 10) else "Model") for number in range(11)]
    found = problems(Steps=steps, Parameters=[{"Name": "a b"}])
    assert [pointer for pointer, _ in found] == ["/Parameters/0/Name", "/Steps/2/Type", "/Steps/10/Type"]


def test_a_refusal_tells_all() -> None:
    pipeline = parse(json.dumps({"Steps": [step("A", "Nonsense"), step("A")]}))
    with pytest.raises(DefinitionError) as refused:
        require(pipeline, operation)
    assert [problem.pointer for problem in refused.value.problems] == ["/Steps/0/Type", "/Steps/1/Name"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step("A"), step("a"), step("A")], [("/Steps/2/Name", "Duplicate step name 'A': it is also at /Steps/0.")]),
        (
            [choice(if_steps=[step("A")], else_steps=[step("A")])],
            [
                (
                    "/Steps/0/Arguments/ElseSteps/0/Name",
                    "Duplicate step name 'A': it is also at /Steps/0/Arguments/IfSteps/0.",
                )
            ],
        ),
        (
            [choice(if_steps=[step("A")]), step("A")],
            [("/Steps/1/Name", "Duplicate step name 'A': it is also at /Steps/0/Arguments/IfSteps/0.")],
        ),
    ],
)
def test_unique_names_of_steps(steps: JSON, expected: list[tuple[str, str]]) -> None:
    assert problems(Steps=steps) == expected


def test_unique_names_of_parameters() -> None:
    found = problems(Parameters=[{"Name": "P"}, {"Name": "P", "Type": "Integer"}])
    assert found == [("/Parameters/1/Name", "Duplicate parameter name 'P': it is also at /Parameters/0.")]


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("A-b_9", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a.b", False),
        ("é", False),
        ("a\n", False),
    ],
)
def test_names_of_steps(name: str, legal: bool) -> None:
    found = problems(Steps=[step(name)])
    pattern = "failed to satisfy regular expression pattern: [A-Za-z0-9\\-_]{1,64}"
    assert found == ([] if legal else [("/Steps/0/Name", f"Step name '{shown(name)}' {pattern}")])


@pytest.mark.parametrize(("name", "legal"), [("A-b_9", True), ("x" * 256, True), ("x" * 257, False), ("a b", False)])
def test_names_of_parameters(name: str, legal: bool) -> None:
    found = problems(Parameters=[{"Name": name}])
    assert [pointer for pointer, _ in found] == ([] if legal else ["/Parameters/0/Name"])


@pytest.mark.parametrize(("member", "limit"), [("DisplayName", 256), ("Description", 3072)])
def test_lengths_of_texts(member: str, limit: int) -> None:
    assert problems(Steps=[step(**{member: "x" * limit})]) == []
    found = problems(Steps=[step(**{member: "x" * (limit + 1)})])
    assert found == [(f"/Steps/0/{member}", f"{member} is longer than {limit} characters.")]


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("Trainin", "Unknown step type 'Trainin'. Did you mean 'Training'?"),
        ("training", "Unknown step type 'training'. Did you mean 'Training'?"),
        ("Zzz", "Unknown step type 'Zzz'. Known: AutoML, "),
        ("Athena", "Steps of type 'Athena' are not supported: AWS has not published their arguments."),
        ("HubContent", "Steps of type 'HubContent' are not supported"),
    ],
)
def test_types_that_are_not_awss(type_: str, message: str) -> None:
    ((pointer, found),) = problems(Steps=[step(type_=type_)])
    assert pointer == "/Steps/0/Type"
    assert found.startswith(message)


@pytest.mark.parametrize(
    "allowed",
    [
        step("A", "Tuning", CacheConfig={"Enabled": False}, RetryPolicies=[]),
        step("A", "Lambda", FunctionArn="f", OutputParameters=[], CacheConfig={"Enabled": False}),
        step("A", "Callback", SqsQueueUrl="q", OutputParameters=[]),
        step("A", "QualityCheck", CheckType="DATA_QUALITY", SkipCheck=True, SuppliedBaselineStatistics=None),
        step("A", "ForEach", {"ForEachBody": [step("B", "Model")]}),
        step("A", "Processing", CacheConfig={"Enabled": True, "ExpireAfter": "P1D"}, RetryPolicies=[]),
        step("A", "RegisterModel", RetryPolicies=[]),
        choice(),
    ],
)
def test_known_types_and_their_members_pass(allowed: JSON) -> None:
    assert problems(Steps=[allowed]) == []


@pytest.mark.parametrize(
    ("refused", "member", "message"),
    [
        (
            step(Argument={}),
            "Argument",
            "Unknown member 'Argument' of a step of type Training. Did you mean 'Arguments'?",
        ),
        (
            step(depends_on=[]),
            "depends_on",
            "Unknown member 'depends_on' of a step of type Training. Did you mean 'DependsOn'?",
        ),
        (
            step(CacheConf={}),
            "CacheConf",
            "Unknown member 'CacheConf' of a step of type Training. Did you mean 'CacheConfig'?",
        ),
        (
            step("A", "Model", CacheConfig={"Enabled": False}),
            "CacheConfig",
            "Unknown member 'CacheConfig' of a step of type Model. "
            "Known: Arguments, DependsOn, Description, DisplayName, Name, RetryPolicies, Type.",
        ),
        (
            choice(FunctionArn="f"),
            "FunctionArn",
            "Unknown member 'FunctionArn' of a step of type Condition. "
            "Known: Arguments, DependsOn, Description, DisplayName, Name, Type.",
        ),
        (
            step(PropertyFiles=[{"PropertyFileName": "f", "OutputName": "o", "FilePath": "p"}]),
            "PropertyFiles",
            "A step of type Training cannot have PropertyFiles.",
        ),
    ],
)
def test_members_a_type_does_not_have(refused: JSON, member: str, message: str) -> None:
    assert (f"/Steps/0/{member}", message) in problems(Steps=[refused])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Parameters.Count", None),
        ("Parameters.Cuont", "Unknown parameter 'Cuont'. Did you mean 'Count'?"),
        ("Parameters.Zzz", "Unknown parameter 'Zzz'. Known: Count."),
        ("Parameters.Count.X", "'Count' is a single value: nothing can stand at 'Parameters.Count.X'."),
        (
            "Execution.PipelineName[0]",
            "'PipelineName' is a single value: nothing can stand at 'Execution.PipelineName[0]'.",
        ),
        ("Execution.PipelineExecutionId", None),
        ("Execution.CurrentDateTime", None),
        ("Execution.TrainingJobName", None),
        (
            "Execution.ProcessingJobName",
            "Unknown execution variable 'ProcessingJobName'. Known: CurrentDateTime, PipelineArn, "
            "PipelineExecutionArn, PipelineExecutionId, PipelineName, StartDateTime, TrainingJobName.",
        ),
        (
            "Execution.PipelineId",
            "Unknown execution variable 'PipelineId'. Known: CurrentDateTime, PipelineArn, PipelineExecutionArn, "
            "PipelineExecutionId, PipelineName, StartDateTime, TrainingJobName.",
        ),
        (
            "PipelineExperimentConfig.TrialName",
            "The pipeline has no PipelineExperimentConfig: there is no name of an experiment to read.",
        ),
        ("Steps.A.TrainingJobName", None),
        ("Steps.B.TrainingJobName", "Unknown step 'B'. Known: A, F, R."),
        ("Steps.F.X", "Step 'F' of type Fail has no properties."),
        ("ForEach.CurrentItem", "'ForEach.CurrentItem' can be read only in the body of a ForEach step."),
        ("IterationOutput.A.TrainingJobName", "'IterationOutput' can be read only as the Field of a Selector."),
    ],
)
def test_references_lead_somewhere(path: str, message: str | None) -> None:
    steps: list[JSON] = [step("A"), reading(path), step("F", "Fail", {"ErrorMessage": "x"})]
    found = problems(Steps=steps, Parameters=[{"Name": "Count", "Type": "Integer"}])
    assert found == ([] if message is None else [(READ, message)])


def test_experiment_names_can_be_read_when_there_is_an_experiment() -> None:
    config: JSON = {"ExperimentName": get("Execution.PipelineName"), "TrialName": get("Parameters.P")}
    found = problems(Steps=[reading("PipelineExperimentConfig.TrialName")], PipelineExperimentConfig=config)
    assert found == [("/PipelineExperimentConfig/TrialName/Get", "Unknown parameter 'P'.")]


def test_the_pipeline_itself_reads_no_steps() -> None:
    found = problems(Steps=[step("A")], PipelineExperimentConfig={"TrialName": get("Steps.A.TrainingJobName")})
    message = "The pipeline itself cannot read properties of step 'A': no step has run yet."
    assert found == [("/PipelineExperimentConfig/TrialName/Get", message)]


def test_references_in_conditions_and_in_other_members() -> None:
    comparison: JSON = {"Type": "Equals", "LeftValue": get("Parameters.X"), "RightValue": 1}
    steps: list[JSON] = [
        step("C", "Condition", {"Conditions": [comparison]}),
        step("F", "Fail", {"ErrorMessage": {"Std:Join": {"On": "", "Values": [get("Parameters.Y")]}}}),
        step("Q", "QualityCheck", SkipCheck=get("Parameters.Z")),
    ]
    assert [pointer for pointer, _ in problems(Steps=steps)] == [
        "/Steps/0/Arguments/Conditions/0/LeftValue/Get",
        "/Steps/1/Arguments/ErrorMessage/Std:Join/Values/0/Get",
        "/Steps/2/SkipCheck/Get",
    ]


NOTHING_FOLLOWS = ": a Fail step ends the execution, and nothing follows it."


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        ("A", None),
        ({"Step": "A", "Trigger": "Failed"}, None),
        ("C", None),
        ("In", None),
        ("B", "Unknown step 'B' in DependsOn. Known: A, C, In, Stop, Last."),
        ("in", "Unknown step 'in' in DependsOn. Did you mean 'In'?"),
        ("Stop", f"Last can not depends on Stop{NOTHING_FOLLOWS}"),
        ({"Step": "Stop", "Trigger": "Any"}, f"Last can not depends on Stop{NOTHING_FOLLOWS}"),
    ],
)
def test_dependencies(dependency: JSON, message: str | None) -> None:
    fail = step("Stop", "Fail", {"ErrorMessage": "x"})
    steps: list[JSON] = [step("A"), choice("C", [step("In", "Model")], [fail]), step("Last", DependsOn=[dependency])]
    assert problems(Steps=steps) == ([] if message is None else [("/Steps/2/DependsOn/0", message)])


def test_a_condition_cannot_wait_for_a_fail_step() -> None:
    steps: list[JSON] = [step("FailStep", "Fail", {"ErrorMessage": "x"}), choice("CondStep", DependsOn=["FailStep"])]
    assert problems(Steps=steps) == [
        ("/Steps/1/DependsOn/0", f"CondStep can not depends on FailStep{NOTHING_FOLLOWS}")
    ]


@pytest.mark.parametrize(
    ("steps", "pointer", "circle"),
    [
        ([step("A", DependsOn=["B"]), step("B", DependsOn=["A"])], "/Steps/0", "A -> B -> A"),
        ([step("A", DependsOn=["A"])], "/Steps/0", "A -> A"),
        ([step("Z"), choice("C", [step("I")], DependsOn=["I"])], "/Steps/1", "C -> I -> C"),
        (
            [step("A", DependsOn=["R"]), reading("Steps.A.TrainingJobName")],
            "/Steps/0",
            "A -> R -> A",
        ),
    ],
)
def test_cycles(steps: JSON, pointer: str, circle: str) -> None:
    advice = "Each waits for the next: by DependsOn, by reading its properties, or by standing in its branch."
    assert problems(Steps=steps) == [(pointer, f"Cycle detected in the pipeline definition: {circle}. {advice}")]


def evaluating(files: JSON, read: str, outputs: JSON = None) -> JSON:
    default: JSON = [{"OutputName": "report", "S3Output": {"S3Uri": "s3://b/k", "S3UploadMode": "EndOfJob"}}]
    arguments: JSON = {"ProcessingOutputConfig": {"Outputs": default if outputs is None else outputs}}
    value: JSON = {"Std:JsonGet": {"PropertyFile": get(read), "Path": "a"}}
    comparison: JSON = {"Type": "Equals", "LeftValue": value, "RightValue": 1}
    evaluate = step("E", "Processing", arguments, PropertyFiles=files)
    return [evaluate, step("C", "Condition", {"Conditions": [comparison]})]


FILE: JSON = {"PropertyFileName": "File", "OutputName": "report", "FilePath": "f.json"}
READ_FILE = "/Steps/1/Arguments/Conditions/0/LeftValue/Std:JsonGet/PropertyFile"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (evaluating([FILE], "Steps.E.PropertyFiles.File"), []),
        (evaluating([FILE], "Steps.X.PropertyFiles.File"), [(READ_FILE, "Unknown step 'X'. Known: C, E.")]),
        (
            evaluating([FILE], "Steps.E.PropertyFiles.Fill"),
            [(READ_FILE, "Step 'E' declares no property file 'Fill'. Known: File.")],
        ),
        (
            evaluating([], "Steps.E.PropertyFiles.File"),
            [
                (
                    READ_FILE,
                    "Step 'E' declares no property file 'File'. Its PropertyFiles must name the file and the output "
                    "that holds it.",
                )
            ],
        ),
        (
            evaluating([{**FILE, "OutputName": "raport"}], "Steps.E.PropertyFiles.File"),
            [
                (
                    "/Steps/0/PropertyFiles/0/OutputName",
                    "Property file 'File': step 'E' has no output 'raport'. Did you mean 'report'?",
                )
            ],
        ),
        (
            evaluating([FILE, FILE], "Steps.E.PropertyFiles.File"),
            [("/Steps/0/PropertyFiles/1/PropertyFileName", "Duplicate property file 'File'.")],
        ),
        (evaluating([FILE], "Steps.E.PropertyFiles.File", [{"OutputName": get("Execution.PipelineName")}]), []),
        (
            evaluating([FILE], "Steps.E.PropertyFiles.File", {}),
            [
                (
                    "/Steps/0/Arguments/ProcessingOutputConfig/Outputs",
                    "Expecting start of Json Array. Found an object.",
                )
            ],
        ),
        (
            [step("E", "Processing", PropertyFiles=[FILE])],
            [("/Steps/0/PropertyFiles/0/OutputName", "Property file 'File': step 'E' has no output 'report'.")],
        ),
        (
            [step("E", "Processing", {"ProcessingOutputConfig": {"Outputs": [3]}}, PropertyFiles=[FILE])],
            [
                (
                    "/Steps/0/Arguments/ProcessingOutputConfig/Outputs/0",
                    "Expecting start of Json Object. Found the number 3.",
                )
            ],
        ),
    ],
)
def test_property_files(steps: JSON, expected: list[tuple[str, str]]) -> None:
    assert problems(Steps=steps) == expected


def test_limits() -> None:
    parameters: list[JSON] = [{"Name": f"P{number}"} for number in range(201)]
    assert problems(Parameters=parameters[:200]) == []
    assert problems(Parameters=parameters) == [("/Parameters", "There are 201 parameters; at most 200 are allowed.")]
    outputs: list[JSON] = [{"OutputName": f"o{number}", "OutputType": "String"} for number in range(51)]
    assert problems(Steps=[step("L", "Lambda", OutputParameters=outputs[:50])]) == []
    assert problems(Steps=[step("L", "Lambda", OutputParameters=outputs)]) == [
        ("/Steps/0/OutputParameters", "There are 51 output parameters; at most 50 are allowed.")
    ]


INPUT: JSON = {"ProcessingInputs": [{"InputName": "i", "S3Input": {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix"}}]}


@pytest.mark.parametrize(
    ("type_", "arguments", "expected"),
    [
        ("Processing", INPUT, []),
        ("Processing", {"Environment": None, "NetworkConfig": None}, []),
        ("Processing", {"ProcessingJobName": "prefix"}, []),
        ("Training", {"HyperParameters": {"n": 3, "x": get("Execution.PipelineName")}}, []),
        ("Training", {"EnableManagedSpotTraining": get("Parameters.Flag")}, []),
        (
            "Training",
            {"EnableManagedSpotTraining": get("Execution.PipelineName")},
            [("/EnableManagedSpotTraining", "Expecting a boolean, but 'Execution.PipelineName' is a string.")],
        ),
        ("Training", {"StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.Count")}}, []),
        ("Training", {"StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.Rate")}}, []),
        (
            "Training",
            {"StoppingCondition": {"MaxRuntimeInSeconds": get("Parameters.Text")}},
            [
                (
                    "/StoppingCondition/MaxRuntimeInSeconds",
                    "Expecting a number, but parameter 'Text' is of type String: declare it as Integer.",
                )
            ],
        ),
        (
            "Training",
            {"StoppingCondition": {"MaxRuntimeInSeconds": {"Std:Join": {"On": "", "Values": [1, 2]}}}},
            [("/StoppingCondition/MaxRuntimeInSeconds", "Expecting a number, but Std:Join makes a string.")],
        ),
        (
            "Training",
            {"EnableManagedSpotTraining": get("Parameters.Count")},
            [
                (
                    "/EnableManagedSpotTraining",
                    "Expecting a boolean, but parameter 'Count' is of type Integer: declare it as Boolean.",
                )
            ],
        ),
        (
            "Training",
            {
                "Environment": {
                    "A": {"Std:Join": {"On": "", "Values": [get("Parameters.Text"), get("Parameters.Flag")]}}
                }
            },
            [],
        ),
        (
            "Model",
            {"PrimaryContainer": {"AdditionalModelDataSource": []}},
            [
                (
                    "/PrimaryContainer/AdditionalModelDataSource",
                    "Unknown Argument member 'AdditionalModelDataSource'. Did you mean 'AdditionalModelDataSources'?",
                )
            ],
        ),
        ("Training", {"Xyzzy": 1}, [("/Xyzzy", "Unknown Argument member 'Xyzzy'")]),
        (
            "Processing",
            {"NetworkConfig": {"VpcConfig": {"SecurityGroupIds": get("Execution.PipelineName"), "Subnets": ["s"]}}},
            [
                (
                    "/NetworkConfig/VpcConfig/SecurityGroupIds",
                    "Expecting start of Json Array. An expression cannot stand for an array: write it out; "
                    "its elements may be expressions.",
                )
            ],
        ),
        (
            "Processing",
            {"ProcessingInputs": [3]},
            [("/ProcessingInputs/0", "Expecting start of Json Object. Found the number 3.")],
        ),
        (
            "Processing",
            {"Environment": get("Execution.PipelineName")},
            [
                (
                    "/Environment",
                    "Expecting start of Json Object. An expression cannot stand for an object: write it out; "
                    "its values may be expressions.",
                )
            ],
        ),
        (
            "Processing",
            {"Environment": {"A": {"b": 1}}},
            [("/Environment/A", "Expecting a scalar value or an expression. Found an object.")],
        ),
        (
            "Processing",
            {"Environment": {"A": {"get": "Parameters.Text"}}},
            [("/Environment/A", "Expecting a scalar value or an expression. Did you mean 'Get'?")],
        ),
        (
            "Processing",
            {"Environment": {"A": {"Join": {"On": "", "Values": []}}}},
            [("/Environment/A", "Expecting a scalar value or an expression. Did you mean 'Std:Join'?")],
        ),
        (
            "Processing",
            {"Environment": {"A": {"Get": "Parameters.Text", "Default": "x"}}},
            [
                (
                    "/Environment/A",
                    "Expecting a scalar value or an expression. Beside 'Get' an expression has no other member.",
                )
            ],
        ),
        (
            "Training",
            {"RoleArn": ["x"]},
            [("/RoleArn", "Expecting a scalar value or an expression. Found an array.")],
        ),
        (
            "Training",
            {"AlgorithmSpecification": {"TrainingInputMode": "Filly"}},
            [
                (
                    "/AlgorithmSpecification/TrainingInputMode",
                    "Model Validation failed: Value 'Filly' for 'TrainingInputMode' failed to satisfy "
                    "enum value set: [Pipe, File, FastFile]",
                )
            ],
        ),
        ("Fail", {"ErrorMessage": ""}, []),
        ("Fail", {"ErrorMessage": None}, [("", "Missing required member 'ErrorMessage'")]),
        (
            "Fail",
            {"Message": "x"},
            [("/Message", "Unknown Argument member 'Message'. Did you mean 'ErrorMessage'?")],
        ),
        (
            "Condition",
            {"Conditions": [], "ThenSteps": []},
            [("/ThenSteps", "Unknown Argument member 'ThenSteps'. Known: Conditions, IfSteps, ElseSteps.")],
        ),
        ("Lambda", {"anything": {"at": ["all"]}}, []),
    ],
)
def test_arguments_fit_the_operation(type_: str, arguments: JSON, expected: list[tuple[str, str]]) -> None:
    parameters: list[JSON] = [
        {"Name": name, "Type": type_}
        for name, type_ in (("Count", "Integer"), ("Rate", "Float"), ("Text", "String"), ("Flag", "Boolean"))
    ]
    found = problems(Steps=[step("A", type_, arguments)], Parameters=parameters)
    assert found == [(f"/Steps/0/Arguments{place}", message) for place, message in expected]


@pytest.mark.parametrize(
    ("path", "further"),
    [
        ("Steps.T.ModelArtifacts", "is a structure: read one of its members [S3ModelArtifacts]."),
        ("Steps.T.InputDataConfig", "is a list: read one of its elements, such as [0]."),
        ("Steps.T.HyperParameters", "is a map: read one of its entries, such as ['key']."),
    ],
)
def test_what_is_no_scalar_cannot_stand_for_one(path: str, further: str) -> None:
    message = f"Expecting a scalar value, but '{path}' {further}"
    joined: JSON = {"Std:Join": {"On": "/", "Values": ["s3://b", get(path)]}}
    compared: JSON = {"Type": "Equals", "LeftValue": 1, "RightValue": get(path)}
    steps: list[JSON] = [
        step("T"),
        step("A", "Training", {"Environment": {"A": get(path)}}),
        step("B", "Lambda", {"a": [{"b": joined}], "whole": get(path)}),
        step("C", "Condition", {"Conditions": [compared]}),
    ]
    assert problems(Steps=steps) == [
        ("/Steps/1/Arguments/Environment/A", message),
        ("/Steps/2/Arguments/a/0/b/Std:Join/Values/1", message),
        ("/Steps/3/Arguments/Conditions/0/RightValue", message),
    ]


def test_no_more_is_looked_for_than_is_told() -> None:
    unknown: JSON = {f"Member{number}": number for number in range(1000)}
    wrong: JSON = {"Environment": {f"E{number}": [] for number in range(1000)}}
    for given in (unknown, wrong):
        pipeline = parse(json.dumps({"Steps": [step("A", "Training", given)]}))
        assert len(list(arguments.check(Subject(pipeline, operation)))) == PER_RULE


def test_patterns_are_not_even_tried() -> None:
    """Bedrock's pattern of job names takes centuries for this one."""
    assert problems(Steps=[step("B", "BedrockModelImport", {"JobName": "a-" * 31 + "!"})]) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Steps.T.ModelArtifacts.S3ModelArtifacts", None),
        ("Steps.T.InputDataConfig[0].DataSource.S3DataSource.S3Uri", None),
        ("Steps.T.InputDataConfig['train'].DataSource.S3DataSource.S3Uri", None),
        ("Steps.T.HyperParameters['depth']", None),
        ("Steps.T.FinalMetricDataList['auc'].Value", None),
        ("Steps.P.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri", None),
        ("Steps.P.ProcessingInputs['input-1'].S3Input.S3Uri", None),
        ("Steps.M.ModelName", None),
        ("Steps.G.ModelPackageArn", None),
        ("Steps.C.Outcome", None),
        ("Steps.Tune.TrainingJobSummaries[0].TrainingJobName", None),
        ("Steps.T", "Invalid property 'Steps.T': it names no property of the step. One is 'TrainingJobName'."),
        ("Steps.C", "Invalid property 'Steps.C': it names no property of the step. One is 'Outcome'."),
        (
            "Steps.T.ModelArtefacts.S3ModelArtifacts",
            "Invalid property 'Steps.T.ModelArtefacts.S3ModelArtifacts': nothing can stand at ModelArtefacts."
            " Did you mean 'ModelArtifacts'?",
        ),
        (
            "Steps.T.ModelArtifacts[0]",
            "Invalid property 'Steps.T.ModelArtifacts[0]': nothing can stand at ModelArtifacts[0]."
            " Known: S3ModelArtifacts.",
        ),
        (
            "Steps.T.RoleArn.X",
            "Invalid property 'Steps.T.RoleArn.X': nothing can stand at RoleArn.X.",
        ),
        (
            "Steps.T.HyperParameters[1]",
            "Invalid property 'Steps.T.HyperParameters[1]': nothing can stand at HyperParameters[1].",
        ),
        (
            "Steps.T.VpcConfig.Subnets['a']",
            "Invalid property 'Steps.T.VpcConfig.Subnets.a': nothing can stand at VpcConfig.Subnets.a:"
            " a list is read by position, such as [0].",
        ),
        (
            "Steps.C.Outcom",
            "Invalid property 'Steps.C.Outcom': nothing can stand at Outcom. Did you mean 'Outcome'?",
        ),
        ("Steps.C.Outcome.X", "Invalid property 'Steps.C.Outcome.X': nothing can stand at Outcome.X."),
    ],
)
def test_properties_are_in_the_description(path: str, message: str | None) -> None:
    steps: list[JSON] = [
        step("T"),
        reading(path),
        step("P", "Processing"),
        step("M", "Model"),
        step("G", "RegisterModel"),
        choice("C"),
        step("Tune", "Tuning"),
    ]
    assert problems(Steps=steps) == ([] if message is None else [(READ, message)])


def test_rules_do_not_need_each_other() -> None:
    """Any part of a real definition may be broken; every rule still answers, and something is found."""
    whole = json.loads((FOLDER / "abalone.json").read_text())
    for index, member in ((i, m) for i in range(len(whole["Steps"])) for m in ("Name", "Type")):
        broken = copy.deepcopy(whole)
        broken["Steps"][index][member] = "Wrong one"
        found = run(parse(json.dumps(broken)), operation)
        assert all(isinstance(problem, Problem) for problem in found)
        assert found


def test_a_definition_full_of_wrong_names_is_answered_briefly() -> None:
    """Thousands of wrong references among thousands of steps: some are told, and looking for them ends."""
    steps: list[JSON] = [
        step(f"Step-with-quite-a-long-name-{number}", DependsOn=[f"Stap-{number}"]) for number in range(3000)
    ]
    pipeline = parse(json.dumps({"Steps": steps}))
    with pytest.raises(DefinitionError) as refused:
        require(pipeline, operation)
    assert len(refused.value.problems) == 50
    assert refused.value.message.endswith("; and at least 30 more.")
