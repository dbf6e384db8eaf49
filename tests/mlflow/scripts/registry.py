"""Leads registered models through their whole life."""

from mlflow.exceptions import MlflowException

from mlflow import MlflowClient

client = MlflowClient()


def code_of(call, *args, **kwargs):
    """Return the code of the error that a call raises."""
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        return error.error_code
    return None


run = client.create_run("0")
source = f"runs:/{run.info.run_id}/model"
made = client.create_registered_model("churn", tags={"team": "blue"}, description="who leaves")
assert (made.name, made.tags, made.description) == ("churn", {"team": "blue"}, "who leaves")
assert code_of(client.create_registered_model, "churn") == "RESOURCE_ALREADY_EXISTS"
assert code_of(client.create_registered_model, "a/b") == "INVALID_PARAMETER_VALUE"
assert code_of(client.get_registered_model, "none") == "RESOURCE_DOES_NOT_EXIST"

first = client.create_model_version("churn", source, run.info.run_id, tags={"t": "1"}, description="one")
assert (int(first.version), first.status, first.current_stage) == (1, "READY", "None")
assert (first.run_id, first.source, first.description, first.tags) == (run.info.run_id, source, "one", {"t": "1"})
second = client.create_model_version("churn", source, run.info.run_id)
assert int(second.version) == 2
assert client.get_model_version_download_uri("churn", "1") == source
assert code_of(client.create_model_version, "churn", "/etc", run.info.run_id) == "INVALID_PARAMETER_VALUE"
assert code_of(client.create_model_version, "none", source, run.info.run_id) == "RESOURCE_DOES_NOT_EXIST"

client.update_registered_model("churn", "better")
client.update_model_version("churn", "1", "still one")
client.set_registered_model_tag("churn", "team", "red")
client.delete_registered_model_tag("churn", "none")
client.set_model_version_tag("churn", "1", "t", "2")
client.set_model_version_tag("churn", "1", "u", "3")
client.delete_model_version_tag("churn", "1", "t")
model, version = client.get_registered_model("churn"), client.get_model_version("churn", "1")
assert (model.description, model.tags) == ("better", {"team": "red"})
assert (version.description, version.tags) == ("still one", {"u": "3"})

client.set_registered_model_alias("churn", "champion", "1")
client.set_registered_model_alias("churn", "challenger", "2")
assert client.get_registered_model("churn").aliases == {"champion": "1", "challenger": "2"}
assert client.get_model_version("churn", "1").aliases == ["champion"]
client.set_registered_model_alias("churn", "champion", "2")
assert int(client.get_model_version_by_alias("churn", "champion").version) == 2
client.delete_registered_model_alias("churn", "champion")
assert code_of(client.get_model_version_by_alias, "churn", "champion") == "INVALID_PARAMETER_VALUE"
assert code_of(client.set_registered_model_alias, "churn", "latest", "1") == "INVALID_PARAMETER_VALUE"

client.transition_model_version_stage("churn", "1", "Production")
client.transition_model_version_stage("churn", "2", "production", archive_existing_versions=True)
assert client.get_model_version("churn", "1").current_stage == "Archived"
assert [int(found.version) for found in client.get_latest_versions("churn", ["Production"])] == [2]
assert code_of(client.transition_model_version_stage, "churn", "1", "Best") == "INVALID_PARAMETER_VALUE"

client.create_registered_model("other")
copied = client.copy_model_version("models:/churn/2", "other")
assert (int(copied.version), copied.source) == (1, "models:/churn/2")
assert [found.name for found in client.search_registered_models()] == ["churn", "other"]
assert [found.name for found in client.search_registered_models("name ILIKE 'OTH%'")] == ["other"]
assert [found.name for found in client.search_registered_models("tags.team = 'red'")] == ["churn"]
page = client.search_registered_models(max_results=1, order_by=["name DESC"])
assert [found.name for found in page] == ["other"]
rest = client.search_registered_models(max_results=1, order_by=["name DESC"], page_token=page.token)
assert ([found.name for found in rest], rest.token) == (["churn"], None) or not rest.token
assert len(client.search_model_versions("name = 'churn'")) == 2
assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 3
assert [int(found.version) for found in client.search_model_versions("version_number > 1")] == [2]
assert client.search_model_versions("tags.u = '3'", order_by=["creation_timestamp DESC"])[0].name == "churn"
assert code_of(client.search_registered_models, "colour = 'red'") == "INVALID_PARAMETER_VALUE"
assert code_of(client.search_model_versions, "name = churn") == "INVALID_PARAMETER_VALUE"

client.rename_registered_model("other", "an other")
assert client.get_registered_model("an other").name == "an other"
client.delete_model_version("churn", "2")
assert code_of(client.get_model_version, "churn", "2") == "RESOURCE_DOES_NOT_EXIST"
assert int(client.create_model_version("churn", source, run.info.run_id).version) == 3
client.delete_registered_model("an other")
client.delete_registered_model("churn")
assert list(client.search_registered_models()) == []

hook = client.create_webhook("ci", "https://example.org/hook", ["model_version.created"], secret="x")
assert [str(found.url) for found in client.list_webhooks()] == ["https://example.org/hook"]
assert client.update_webhook(hook.webhook_id, description="told").description == "told"
client.delete_webhook(hook.webhook_id)
assert list(client.list_webhooks()) == []
print("done")
