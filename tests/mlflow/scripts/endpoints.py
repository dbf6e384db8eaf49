"""Print every endpoint that MLflow's own description of its API names: method, version and path."""

from __future__ import annotations

from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2, service_pb2, webhooks_pb2

for described in (service_pb2, model_registry_pb2, mlflow_artifacts_pb2, webhooks_pb2):
    for service in described.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                print(endpoint.method, endpoint.since.major, f"/{endpoint.path.lstrip('/')}")
