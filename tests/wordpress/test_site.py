"""The rig itself: that it is a real WordPress, alone with itself."""

from tests.wordpress.site import Site


def test_a_site_serves_its_posts_by_title_and_over_rest(site: Site) -> None:
    site.insert(post_title="Tram line opens", post_content="The first tram left at dawn.")
    with site.client() as client:
        listed = client.get("/wp-json/wp/v2/posts").json()
        page = client.get(listed[0]["link"])
    assert [one["title"]["rendered"] for one in listed] == ["Tram line opens"]
    assert page.status_code == 200
    assert "<h1>Tram line opens</h1>" in page.text


def test_an_application_password_lets_its_user_in(site: Site) -> None:
    with site.client("editor") as client:
        me = client.get("/wp-json/wp/v2/users/me", params={"context": "edit"}).json()
    assert (me["name"], me["roles"]) == ("Zarina Desk", ["editor"])


def test_a_site_is_five_hours_ahead_of_greenwich(site: Site) -> None:
    assert site.run("return wp_timezone()->getOffset(new DateTime());") == 5 * 3600


def test_a_site_calls_nobody_but_this_machine(site: Site) -> None:
    failed = site.run("return wp_remote_get('https://api.wordpress.org/')->get_error_code();")
    assert failed == "offline"


def test_an_emptied_site_counts_from_one_again(site: Site) -> None:
    site.insert(post_title="Old", tags_input=["port"])
    site.empty()
    assert site.insert(post_title="New") == 1
    assert site.run("return wp_count_terms(['taxonomy' => 'post_tag']);") == "0"
