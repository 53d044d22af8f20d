/** A worker that lays out graphs left to right, for a large one takes seconds.
 *
 * It is sent `{ names, edges, size }`, each edge as `[from, to]`, and answers with `{ width, height, places, lines }`: the
 * middle of each node, and the points of each edge.
 */

import { Graph, layout } from "../vendor/dagre/dagre.esm.js";

const MARGIN = 16;

addEventListener("message", ({ data: { names, edges, size } }) => {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 48, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names) graph.setNode(name, { ...size });
  // The last ones first: so those that stand side by side are in their order from top to bottom.
  for (const [from, to] of [...edges].reverse()) graph.setEdge(from, to);
  layout(graph);
  postMessage({
    width: graph.graph().width,
    height: graph.graph().height,
    places: names.map((name) => ({ x: graph.node(name).x, y: graph.node(name).y })),
    lines: edges.map(([from, to]) => graph.edge(from, to).points),
  });
});
