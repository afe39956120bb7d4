"""Reads metadata.yaml files by the models that Airbyte makes of its schema; a file that does not fit is an error."""

import json
import sys

from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

for document in json.load(sys.stdin):
    ConnectorMetadataDefinitionV0.model_validate(document)
