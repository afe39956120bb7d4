"""Builds each line of standard input anew with the classes that OpenLineage generates from its schema, and compares.

What these classes do not know, or what they want and the line lacks, ends it. Prints the types of the events.
"""

import json
import sys

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import error_message_run, output_statistics_output_dataset, schema_dataset
from openlineage.client.serde import Serde


def facet(cls, content, **parts):
    given = {name: value for name, value in content.items() if not name.startswith("_")}
    built = cls(**{**given, **parts}, producer=content["_producer"])
    if built._get_schema() != content["_schemaURL"]:
        sys.exit(f"{content['_schemaURL']} should be {built._get_schema()}")
    return built


def run_facets(facets):
    return {name: facet({"errorMessage": error_message_run.ErrorMessageRunFacet}[name], one) for name, one in facets.items()}


def output(dataset):
    schema = dataset["facets"]["schema"]
    fields = [schema_dataset.SchemaDatasetFacetFields(**field) for field in schema["fields"]]
    statistics = dataset["outputFacets"]["outputStatistics"]
    return OutputDataset(
        namespace=dataset["namespace"],
        name=dataset["name"],
        facets={"schema": facet(schema_dataset.SchemaDatasetFacet, schema, fields=fields)},
        outputFacets={
            "outputStatistics": facet(output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet, statistics)
        },
    )


def without_empty(value):
    if isinstance(value, dict):
        return {name: without_empty(one) for name, one in value.items() if one not in ({}, [], None)}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


types = []
for line in sys.stdin:
    event = json.loads(line)
    built = RunEvent(
        eventType=RunState[event["eventType"]],
        eventTime=event["eventTime"],
        run=Run(runId=event["run"]["runId"], facets=run_facets(event["run"]["facets"])),
        job=Job(**event["job"]),
        inputs=[InputDataset(**dataset) for dataset in event["inputs"]],
        outputs=[output(dataset) for dataset in event["outputs"]],
        producer=event["producer"],
    )
    if without_empty(json.loads(Serde.to_json(built))) != without_empty(event):
        sys.exit(f"{event['eventType']}: not what OpenLineage makes of it")
    types.append(event["eventType"])
print(json.dumps(types))
