#!/bin/sh
# The churn pipeline through the AWS CLI: upload, create, start, wait, show.
#
# In: AWS_ENDPOINT_URL, region and credentials in the environment; the purchase log as first argument; further
# arguments such as `MaxDepth=3` become parameters of the execution. ROLE and BUCKET may be set; by default they are
# the caller's role and the account's SageMaker bucket. Out: a table of steps; the exit code says whether it succeeded.
set -eu

PURCHASES=${1:?usage: run.sh CDNOW_master.txt [Name=Value ...]}
shift
HERE=$(cd "$(dirname "$0")" && pwd)
CHURN=$HERE/../churn
NAME=${NAME:-churn-cli}
export AWS_PAGER=

identity=$(aws sts get-caller-identity --query Arn --output text)
if [ -z "${ROLE:-}" ]; then
    case $identity in
        *:assumed-role/*) ;;
        *) echo "$identity is no role; set ROLE to the ARN of one" >&2; exit 2 ;;
    esac
    session=${identity#*:assumed-role/}
    ROLE=$(aws iam get-role --role-name "${session%%/*}" --query Role.Arn --output text)
fi
if [ -z "${BUCKET:-}" ]; then
    account=$(aws sts get-caller-identity --query Account --output text)
    BUCKET=sagemaker-${AWS_DEFAULT_REGION:-$(aws configure get region)}-$account
fi

aws s3api head-bucket --bucket "$BUCKET" >/dev/null 2>&1 || aws s3 mb "s3://$BUCKET"
aws s3 cp --only-show-errors "$PURCHASES" "s3://$BUCKET/churn/input/CDNOW_master.txt"
for script in preprocess.py evaluate.py; do
    aws s3 cp --only-show-errors "$CHURN/$script" "s3://$BUCKET/churn/code/$script"
done

if aws sagemaker describe-pipeline --pipeline-name "$NAME" >/dev/null 2>&1; then verb=update; else verb=create; fi
aws sagemaker "$verb-pipeline" --pipeline-name "$NAME" --role-arn "$ROLE" \
    --pipeline-definition "file://$CHURN/definition.json" >/dev/null

parameters="Name=Role,Value=$ROLE Name=Bucket,Value=$BUCKET"
for pair in "$@"; do
    parameters="$parameters Name=${pair%%=*},Value=${pair#*=}"
done
# Split on purpose: each Name=...,Value=... is an argument of its own, and none of them holds a space.
# shellcheck disable=SC2086
arn=$(aws sagemaker start-pipeline-execution --pipeline-name "$NAME" \
    --pipeline-parameters $parameters --query PipelineExecutionArn --output text)
echo "$arn"

while :; do
    status=$(aws sagemaker describe-pipeline-execution --pipeline-execution-arn "$arn" \
        --query PipelineExecutionStatus --output text)
    case $status in Executing | Stopping) sleep 1 ;; *) break ;; esac
done
aws sagemaker list-pipeline-execution-steps --pipeline-execution-arn "$arn" --sort-order Ascending \
    --query 'PipelineExecutionSteps[].[StepName,StepStatus,FailureReason]' --output table
echo "$status"
[ "$status" = Succeeded ]
