"""Files as the labelling tools write them, and not only as this package does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import format_kit as kit
import numpy as np
import pytest

from poise.datasets import Labels, open_dataset, scan, write_datasets
from poise.errors import FormatError
from poise.skeletons import get

ASSETS = Path(__file__).resolve().parents[1] / "assets"

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <project>
      <labels>
        <label><name>cat</name><type>skeleton</type><attributes></attributes>
          <svg>&lt;line data-type="edge" data-node-from="1" data-node-to="2"&gt;&lt;/line&gt;</svg></label>
        <label><name>nose</name><type>points</type><attributes></attributes><parent>cat</parent></label>
        <label><name>tail</name><type>points</type><attributes></attributes><parent>cat</parent></label>
        <label><name>car</name><type>rectangle</type><attributes></attributes></label>
      </labels>
    </project>
  </meta>
"""


def cvat(folder: Path, body: str) -> Path:
    kit.picture(folder, "0.png", (100, 80))
    path = folder / "labels.xml"
    path.write_text(CVAT + body + "</annotations>")
    return path


def image(shapes: str) -> str:
    return f'<image id="0" name="0.png" width="100" height="80">{shapes}</image>'


def test_a_cvat_skeleton_has_hidden_and_unlabelled_points(tmp_path: Path) -> None:
    shapes = """<skeleton label="cat" source="manual" z_order="0">
      <points label="tail" source="manual" outside="1" occluded="0" points="9.00,9.00"></points>
      <points label="nose" source="manual" outside="0" occluded="1" points="12.50,30.00"></points></skeleton>"""

    found = open_dataset(cvat(tmp_path, image(shapes)))

    labels, problems = found.read(0)
    assert problems == []
    assert found.spec.skeleton.keypoints == ("nose", "tail")
    assert found.spec.skeleton.edges == ((0, 1),)
    assert labels.visibility.tolist() == [[1, 0]]
    assert labels.xy[0, 0].tolist() == [12.5, 30.0]


def test_cvat_boxes_of_other_labels_are_counted(tmp_path: Path) -> None:
    shapes = """<box label="car" occluded="0" xtl="1" ytl="1" xbr="9" ybr="9" z_order="0"></box>
      <polygon label="car" points="1,1;2,2;3,1"></polygon>"""

    found = open_dataset(cvat(tmp_path, image(shapes)))

    assert found.notes == ("not read: <box> of 'car' (1), <polygon> (1)",)  # type: ignore[attr-defined]
    assert len(found.read(0)[0]) == 0


def test_cvat_points_of_other_labels_are_counted(tmp_path: Path) -> None:
    found = open_dataset(cvat(tmp_path, image('<points label="wheel" points="5,9;11,9" occluded="0"></points>')))

    assert found.notes == ("not read: <points> of 'wheel' (1)",)  # type: ignore[attr-defined]


def test_cvat_edges_go_by_the_names_of_the_nodes(tmp_path: Path) -> None:
    path = cvat(tmp_path, image(""))
    node = '&lt;circle data-type="element node" data-node-id="{}" data-label-name="{}"&gt;&lt;/circle&gt;'
    nodes = node.format(7, "tail") + node.format(9, "nose")
    path.write_text(path.read_text().replace('from="1" data-node-to="2"&gt;', f'from="7" data-node-to="9"&gt;{nodes}'))

    assert open_dataset(path).spec.skeleton.edges == ((1, 0),)


def test_cvat_points_in_order_are_the_skeleton(tmp_path: Path) -> None:
    shapes = '<points label="cat" occluded="0" points="10.00,20.00;30.00,40.00" z_order="0"></points>'

    labels, _ = open_dataset(cvat(tmp_path, image(shapes))).read(0)

    assert labels.xy.tolist() == [[[10, 20], [30, 40]]]


def test_cvat_single_points_of_one_group_are_one_instance(tmp_path: Path) -> None:
    kit.picture(tmp_path, "0.png", (100, 80))
    path = tmp_path / "labels.xml"
    path.write_text(
        '<annotations><image id="0" name="0.png" width="100" height="80">'
        '<points label="nose" points="10,20" group_id="4"/><points label="tail" points="30,40" group_id="4"/>'
        '<box label="cat" xtl="1" ytl="2" xbr="50" ybr="60" group_id="4"/></image></annotations>'
    )

    labels, problems = open_dataset(path).read(0)

    assert problems == []
    assert labels.xy.tolist() == [[[10, 20], [30, 40]]]
    assert labels.boxes.tolist() == [[1, 2, 50, 60]]


def test_cvat_tracks_become_frames(tmp_path: Path) -> None:
    for i in range(2):
        kit.picture(tmp_path, f"images/frame_{i:06d}.PNG", (100, 80))
    body = "".join(
        f"""<track id="{n}" label="cat" source="manual">
      <skeleton frame="0" keyframe="1" z_order="0"><points label="nose" outside="0" occluded="0" points="{n}.5,2"/>
        <points label="tail" outside="0" occluded="0" points="3,4"/></skeleton>
      <skeleton frame="1" keyframe="1" outside="{n}" z_order="0">
        <points label="nose" outside="0" occluded="0" points="5,6"/>
        <points label="tail" outside="1" occluded="0" points="0,0"/></skeleton></track>"""
        for n in range(2)
    )

    found = open_dataset(cvat(tmp_path, body))

    assert [path.name for path in found.paths] == ["frame_000000.PNG", "frame_000001.PNG"]
    assert [len(found.read(i)[0]) for i in range(2)] == [2, 1]
    assert found.read(0)[0].xy[:, 0].tolist() == [[0.5, 2], [1.5, 2]]


def test_a_turned_cvat_box_is_the_upright_one_around_it(tmp_path: Path) -> None:
    shapes = '<box label="cat" xtl="10" ytl="20" xbr="30" ybr="60" rotation="90.0"></box>'

    labels, _ = open_dataset(cvat(tmp_path, image(shapes))).read(0)

    np.testing.assert_allclose(labels.boxes, [[0, 30, 40, 50]], atol=1e-4)


def test_an_odd_cvat_shape_is_named_by_its_line(tmp_path: Path) -> None:
    path = cvat(tmp_path, image('\n<box label="cat" xtl="one" ytl="2" xbr="3" ybr="4"></box>'))

    (problem,) = open_dataset(path).read(0)[1]

    assert problem.line == CVAT.count("\n") + 2
    assert "a box must have xtl, ytl, xbr, ybr" in problem.message


def region(kind: str, label: str, value: dict[str, float], **more: Any) -> dict[str, Any]:
    frame = {"original_width": 100, "original_height": 80, "image_rotation": 0, "from_name": "x", "to_name": "image"}
    return {**frame, "type": kind, "value": {**value, kind: [label]}, **more}


def labelstudio(folder: Path, results: list[dict[str, Any]], *, address: str = "/data/upload/1/0a1b2c3d-0.png") -> Path:
    kit.picture(folder, "0.png", (100, 80))
    path = folder / "export.json"
    path.write_text(json.dumps([{"id": 1, "data": {"img": address}, "annotations": [{"result": results}]}]))
    return path


NOSE = region("keypointlabels", "nose", {"x": 10, "y": 50, "width": 0.3}, id="p")
CAT = region("rectanglelabels", "cat", {"x": 5, "y": 10, "width": 50, "height": 50, "rotation": 0}, id="r")


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/1/0a1b2c3d-0.png",
        "/data/local-files/?d=0.png",
        "https://example.org/pictures/0.png?key=1",
        "0.png",
    ],
)
def test_label_studio_pictures_are_found_by_their_names(tmp_path: Path, address: str) -> None:
    found = open_dataset(labelstudio(tmp_path, [CAT, NOSE | {"parentID": "r"}], address=address))

    assert found.paths == [tmp_path / "0.png"]


def test_label_studio_percents_become_pixels(tmp_path: Path) -> None:
    labels, problems = open_dataset(labelstudio(tmp_path, [CAT, NOSE | {"parentID": "r"}])).read(0)

    assert problems == []
    assert labels.boxes.tolist() == [[5, 8, 55, 48]]
    assert labels.xy.tolist() == [[[10, 40]]]


def test_label_studio_points_without_parent_go_to_the_only_rectangle(tmp_path: Path) -> None:
    labels, problems = open_dataset(labelstudio(tmp_path, [NOSE, CAT])).read(0)

    assert problems == []
    assert labels.visibility.tolist() == [[2]]


def test_label_studio_points_without_parent_are_not_guessed_between_two(tmp_path: Path) -> None:
    results = [NOSE, CAT, CAT | {"id": "s"}]

    (problem,) = open_dataset(labelstudio(tmp_path, results)).read(0)[1]

    assert problem.kind == "keypoint-of-no-instance"
    assert problem.mend == "drag them onto their rectangle in the Regions panel, or relate them to it"


@pytest.mark.parametrize(("start", "end"), [("p", "r"), ("r", "p")])
def test_label_studio_relations_tie_points_to_rectangles(tmp_path: Path, start: str, end: str) -> None:
    relation = {"from_id": start, "to_id": end, "type": "relation", "direction": "right"}

    labels, problems = open_dataset(labelstudio(tmp_path, [NOSE, CAT, CAT | {"id": "s"}, relation])).read(0)

    assert problems == []
    assert labels.visibility.tolist() == [[2], [0]]


def test_what_else_is_in_label_studio_is_counted(tmp_path: Path) -> None:
    brush = {"type": "brushlabels", "value": {}}

    found = open_dataset(labelstudio(tmp_path, [CAT, NOSE | {"parentID": "r"}, brush]))

    assert found.notes == ("not read: regions of type brushlabels (1)",)  # type: ignore[attr-defined]


def labelme(folder: Path, shapes: list[dict[str, Any]], **more: Any) -> Path:
    kit.picture(folder, "pictures/0.png", (100, 80))
    about = {"version": "4.5.6", "flags": {}, "imageData": None, "imageWidth": 100, "imageHeight": 80}
    path = folder / "json" / "0.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**about, "imagePath": "..\\pictures\\0.png", "shapes": shapes, **more}))
    return path


def shape(label: str, kind: str, points: list[list[float]], group: int | None = None) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, "flags": {}}


def test_labelme_paths_of_windows_are_followed(tmp_path: Path) -> None:
    path = labelme(tmp_path, [shape("nose", "point", [[1, 2]], 1)])

    found = open_dataset(path)

    assert found.image(0).shape == (80, 100, 3)


def test_labelme_rectangles_may_be_drawn_from_any_corner(tmp_path: Path) -> None:
    shapes = [shape("cat", "rectangle", [[50, 40], [10, 20]], 3), shape("nose", "point", [[12, 22]], 3)]

    labels, problems = open_dataset(labelme(tmp_path, shapes)).read(0)

    assert problems == []
    assert labels.boxes.tolist() == [[10, 20, 50, 40]]


def test_labelme_points_without_group_and_box_are_one_instance(tmp_path: Path) -> None:
    shapes = [shape("left_eye", "point", [[1, 2]]), shape("nose", "point", [[3, 4]])]

    labels, _ = open_dataset(labelme(tmp_path, shapes)).read(0)

    assert labels.boxes.tolist() == [[1, 2, 3, 4]]


def test_the_folder_of_the_pictures_may_be_a_text(tmp_path: Path) -> None:
    path = labelme(tmp_path, [shape("nose", "point", [[1, 2]], 1)], imagePath="0.png")

    assert open_dataset(path, images=str(tmp_path / "pictures")).image(0).shape == (80, 100, 3)


def test_a_bundled_skeleton_gives_the_order_of_names(tmp_path: Path) -> None:
    names = ["right_eye", "left_eye", "nose", *get("coco17").keypoints[3:12]]
    shapes = [shape(name, "point", [[i, i]], 1) for i, name in enumerate(names)]

    found = open_dataset(labelme(tmp_path, shapes))

    assert found.spec.skeleton.name == "coco17"
    assert found.read(0)[0].xy[0, :3].tolist() == [[2, 2], [1, 1], [0, 0]]


def test_a_given_skeleton_refuses_names_that_it_lacks(tmp_path: Path) -> None:
    path = labelme(tmp_path, [shape("nosse", "point", [[1, 2]], 1)])

    (problem,) = open_dataset(path, skeleton=get("coco17")).read(0)[1]

    assert "no keypoint named 'nosse'; did you mean 'nose'?" in problem.message


@pytest.mark.parametrize(("name", "instances"), [("deeplabcut.h5", 1), ("deeplabcut_individuals.h5", 2)])
def test_tables_that_pandas_wrote_are_read_without_it(tmp_path: Path, name: str, instances: int) -> None:
    pytest.importorskip("h5py")
    kit.picture(tmp_path, "labeled-data/v1/img001.png", (100, 80))
    file = tmp_path / "labeled-data" / "v1" / "CollectedData_me.h5"
    shutil.copy(ASSETS / name, file)

    found = open_dataset(file)

    assert found.paths[0] == tmp_path / "labeled-data" / "v1" / "img001.png"
    assert found.spec.skeleton.keypoints == ("nose", "tail")
    assert len(found.read(0)[0]) == instances


def test_tables_whose_columns_are_a_pickle_are_refused() -> None:
    pytest.importorskip("h5py")

    with pytest.raises(FormatError, match=r"columns as a pickle.*open the \.csv file beside it"):
        open_dataset(ASSETS / "deeplabcut_table.h5")


DLC = """scorer,,,me,me,me,me,me,me
individuals,,,mouse1,mouse1,mouse2,mouse2,single,single
bodyparts,,,nose,nose,nose,nose,corner,corner
coords,,,x,y,x,y,x,y
labeled-data,v1,img001.png,1.5,2.5,,,7,8
labeled-data,v1,img002.png,,,3.0,4.0,,
"""


def test_deeplabcut_rows_are_individuals(tmp_path: Path) -> None:
    for i in (1, 2):
        kit.picture(tmp_path, f"labeled-data/v1/img00{i}.png", (100, 80))
    (tmp_path / "labeled-data/v1/CollectedData_me.csv").write_text(DLC)

    found = open_dataset(tmp_path / "labeled-data")

    labels = [found.read(i)[0] for i in range(2)]
    assert [one.visibility.tolist() for one in labels] == [[[2, 0], [0, 2]], [[2, 0]]]
    assert labels[1].xy[0, 0].tolist() == [3.0, 4.0]
    assert found.notes  # type: ignore[attr-defined]


def test_deeplabcut_predictions_are_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "v1DLC.csv"
    path.write_text("scorer,a,a,a\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n0,1,2,0.9\n")

    with pytest.raises(FormatError, match="predictions for a video, not labels"):
        open_dataset(path)


def test_a_bad_cell_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\na.png,1,2\nb.png,1,two\n")

    with pytest.raises(FormatError, match=r"labels\.csv:5: 'two' is not a number of pixels"):
        open_dataset(path)


def test_sleap_reads_what_is_written(tmp_path: Path) -> None:
    sio = pytest.importorskip("sleap_io")
    labels = Labels.of([0], [[0, 0, 9, 9]], [[[1, 2], [3, 4], [5, 6]]], [[2, 2, 0]])
    made = kit.table(tmp_path, [labels], edges=((0, 1),))

    write_datasets([made], tmp_path / "out", format="sleap")

    project = sio.load_slp(str(tmp_path / "out/train.slp"), open_videos=False)
    assert project.skeletons[0].node_names == ["nose", "left_paw", "right_paw"]
    assert project.skeletons[0].edge_inds == [(0, 1)]
    np.testing.assert_array_equal(project[0].instances[0].numpy(), [[1, 2], [3, 4], [np.nan, np.nan]])


@pytest.mark.parametrize(("form", "file"), [("dlc", "val.csv"), ("coco", "annotations/val.json")])
def test_sleap_io_reads_tables_of_other_tools_as_we_write_them(
    shared: Path, tmp_path: Path, form: str, file: str
) -> None:
    sio = pytest.importorskip("sleap_io")
    given = open_dataset(shared / "data/coco8-pose/coco8-pose.yaml", "val")
    write_datasets([given], tmp_path / "out", format=form, pictures="copy")

    path = str(tmp_path / "out" / file)
    project = sio.load_dlc(path) if form == "dlc" else sio.load_coco(path, dataset_root=str(tmp_path / "out"))

    order = given.spec.skeleton.keypoints
    assert len(project) == len(given)
    for frame, i in zip(project, range(len(given)), strict=True):
        names = project.skeletons[0].node_names
        found = np.stack([instance.numpy() for instance in frame.instances])[:, [names.index(name) for name in order]]
        np.testing.assert_allclose(found, given.read(i)[0].xy, atol=1e-3)


def test_points_that_sleap_calls_invisible_are_not_labelled(tmp_path: Path) -> None:
    sio = pytest.importorskip("sleap_io")
    path = kit.picture(tmp_path, "a.png", (20, 10))
    skeleton = sio.Skeleton(["nose", "tail"], name="cat")
    instance = sio.Instance.from_numpy(np.array([[1, 2, True], [3, 4, False]]), skeleton=skeleton)
    video = sio.Video.from_filename([str(path)])
    frame = sio.LabeledFrame(video=video, frame_idx=0, instances=[instance])
    project = sio.Labels([frame], videos=[video], skeletons=[skeleton])
    sio.save_slp(project, str(tmp_path / "a.slp"), embed=False, verbose=False)

    labels, _ = open_dataset(tmp_path / "a.slp").read(0)

    assert labels.visibility.tolist() == [[2, 0]]


def sleap_video(folder: Path, *, frames: tuple[int, ...] = (1, 3), embed: bool = False) -> Path:
    """Write a video of five frames, each brighter than the last, and a project that labels some of them."""
    sio = pytest.importorskip("sleap_io")
    av = pytest.importorskip("av")
    with av.open(str(folder / "clip.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for grey in range(0, 250, 50):
            picture = np.full((48, 64, 3), grey, dtype=np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    skeleton = sio.Skeleton(["nose", "tail"], name="cat")
    video = sio.Video.from_filename(str(folder / "clip.mp4"))
    labelled = [
        sio.LabeledFrame(
            video=video,
            frame_idx=n,
            instances=[sio.Instance.from_numpy(np.array([[n, 10.0], [20.0, 30.0]]), skeleton=skeleton)],
        )
        for n in frames
    ]
    path = folder / ("a.pkg.slp" if embed else "a.slp")
    project = sio.Labels(labelled, videos=[video], skeletons=[skeleton])
    sio.save_slp(project, str(path), embed="user" if embed else False, verbose=False)
    return path


@pytest.mark.parametrize("embed", [False, True])
def test_sleap_frames_of_videos_and_packages_become_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embed: bool
) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "cache"))
    path = sleap_video(tmp_path, embed=embed)
    if embed:
        (tmp_path / "clip.mp4").unlink()

    found = open_dataset(path)

    assert [p.name for p in found.paths] == ["frame_000001.png", "frame_000003.png"]
    assert [found.read(i)[0].xy[0, 0].tolist() for i in (0, 1)] == [[1, 10], [3, 10]]
    # Each frame is 50 brighter than the one before.
    assert [abs(int(found.image(i).mean()) - grey) < 8 for i, grey in ((0, 50), (1, 150))] == [True, True]
    assert [p.name for p in open_dataset(path).paths] == ["frame_000001.png", "frame_000003.png"]


def test_sleap_projects_about_videos_elsewhere_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "cache"))
    path = sleap_video(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "clip.mp4").rename(tmp_path / "videos" / "film.mp4")

    with pytest.raises(FormatError, match=r"its video .*clip\.mp4 is not there .*--images FOLDER"):
        open_dataset(path)
    (tmp_path / "videos" / "film.mp4").rename(tmp_path / "videos" / "clip.mp4")
    assert len(open_dataset(path)) == 2
    assert len(open_dataset(path, images=tmp_path / "videos")) == 2


def test_a_label_beyond_the_end_of_a_sleap_video_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISE_HOME", str(tmp_path / "cache"))

    with pytest.raises(FormatError, match=r"clip\.mp4: has 5 frames, and frame 9 is labelled"):
        open_dataset(sleap_video(tmp_path, frames=(1, 9)))


def test_pycocotools_reads_what_is_written(shared: Path, tmp_path: Path) -> None:
    pycocotools = pytest.importorskip("pycocotools.coco")
    given = open_dataset(shared / "data/coco-mini/annotations/person_keypoints_val2017.json")
    original = pycocotools.COCO(str(shared / "data/coco-mini/annotations/person_keypoints_val2017.json"))

    write_datasets([given], tmp_path / "val.json", format="coco")

    coco = pycocotools.COCO(str(tmp_path / "val.json"))
    assert len(coco.imgs) == len(original.imgs)
    for index, record in coco.imgs.items():
        number = int(Path(record["file_name"]).stem)
        found = coco.loadAnns(coco.getAnnIds(imgIds=index))
        expected = original.loadAnns(original.getAnnIds(imgIds=number))
        points = [[a["keypoints"] for a in group] for group in (found, expected)]
        assert points[0] == points[1]
        np.testing.assert_allclose([a["bbox"] for a in found], [a["bbox"] for a in expected], atol=1e-4)
        np.testing.assert_allclose([a["area"] for a in found], [a["area"] for a in expected], rtol=1e-6)


def test_pycocotools_scores_labels_against_themselves(shared: Path, tmp_path: Path) -> None:
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    given = open_dataset(shared / "data/coco8-pose/coco8-pose.yaml", "val")
    write_datasets([given], tmp_path / "val.json", format="coco")
    coco = coco_module.COCO(str(tmp_path / "val.json"))
    results = coco.loadRes([{**annotation, "score": 1.0} for annotation in coco.anns.values()])

    scorer = evaluation.COCOeval(coco, results, "keypoints")
    scorer.evaluate()
    scorer.accumulate()
    scorer.summarize()

    assert scorer.stats[0] == pytest.approx(1.0)


def test_scan_counts_what_cannot_be_used(tmp_path: Path) -> None:
    path = cvat(tmp_path, image('<box label="cat" xtl="9" ytl="2" xbr="3" ybr="4"></box>'))

    found = scan(open_dataset(path))

    assert found.usable == [False]
