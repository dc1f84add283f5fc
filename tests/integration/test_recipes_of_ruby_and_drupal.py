"""The recipe for Rails, over a real ActiveRecord, as its page says; and the sketch for Drupal."""

import os
import subprocess
from pathlib import Path

import pytest

from read_also_client import Client, NotFound
from tests.support.serving import KEY, Server
from tests.support.shown_commands import blocks_of
from tests.support.waiting import until

pytestmark = pytest.mark.long
RECIPES = Path(__file__).parents[2] / "integrations"
DATABASE = """
require "active_record"
require "logger"
ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ARGV[0])
unless ActiveRecord::Base.connection.table_exists?(:stories)
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define do
    create_table(:stories) { |t| t.string :title; t.text :text; t.timestamps }
  end
end
"""


class Rails:
    """The initializer and the model of the page, over a database in a folder."""

    def __init__(self, folder: Path, service: str) -> None:
        shown = blocks_of("integrations/rails/README.md")
        initializer, model = (block.text for block in shown if block.language == "ruby")
        self.given = DATABASE + initializer.replace("http://127.0.0.1:8080", service) + model
        self.database = folder / "rails.db"

    def run(self, code: str) -> str:
        done = subprocess.run(  # noqa: S603 - words of our own
            ["/usr/bin/ruby", "-I", RECIPES / "rails", "-e", self.given + code, self.database],
            env={
                "PATH": os.environ["PATH"],
                "READ_ALSO_WRITE_KEY": KEY,
                "READ_ALSO_LISTS_KEY": KEY,
            },
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def rails(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Rails:
    return Rails(tmp_path_factory.mktemp("rails"), server.address)


def test_what_rails_saves_edits_and_deletes_is_in_the_lists(rails: Rails, api: Client) -> None:
    rails.run("""
      Story.create!(id: 1, title: "A tram line opens in Osh", text: "Rails reach the bazaar.")
      Story.create!(id: 2, title: "Osh plans a second line", text: "Rails reach the bazaar.")
    """)
    assert api.get(1).title == "A tram line opens in Osh"
    assert until(lambda: [item.id for item in api.related(1).items] == ["2"])
    rails.run('Story.find(2).update!(title: "A <b> line")')
    assert until(lambda: "A &lt;b&gt; line" in rails.run("puts ReadAlso.list(1, limit: 6)"))
    rails.run("Story.find(2).destroy!")
    assert until(lambda: rails.run("print ReadAlso.list(1)") == "")


def test_what_rails_rolls_back_is_never_sent(rails: Rails, api: Client) -> None:
    rails.run("""
      Story.transaction do
        Story.create!(id: 9, title: "Never", text: "Nothing.")
        raise ActiveRecord::Rollback
      end
    """)
    with pytest.raises(NotFound):
        api.get(9)


def test_rails_saves_while_the_service_is_away_and_says_so(rails: Rails) -> None:
    said = rails.run("""
      ReadAlso.service = "http://127.0.0.1:1"
      ActiveRecord::Base.logger = Logger.new($stdout, level: :error)
      Story.create!(id: 30, title: "Alone", text: "Alone.")
      puts Story.find(30).title, "list: #{ReadAlso.list(30)}"
    """)
    assert "Read Also has not got article 30" in said
    assert said.endswith("Alone\nlist: \n")


def test_the_sketch_for_drupal_is_php() -> None:
    module = RECIPES / "drupal" / "read_also" / "read_also.module"
    told = subprocess.run(["/usr/bin/php", "-l", module], check=False, capture_output=True)  # noqa: S603
    assert told.returncode == 0, told.stdout
