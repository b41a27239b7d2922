// The stage: a ground with a soft shadow, a skinned character, and bones coloured by how well they were seen.

import { add, cross, flattened, lookAt, multiply, perspective, sub, unit } from "./math.js";

const LIGHT = unit([0.4, 1, 0.62]);
const SHADOW = 512, REACH = 1.6;

const SKINNED = `#version 300 es
layout(location=0) in vec3 p; layout(location=1) in vec3 n; layout(location=2) in uvec4 j; layout(location=3) in vec4 w;
uniform vec4 B[192]; uniform mat4 V; out vec3 N; out vec3 P; out vec4 C; uniform vec4 colour;
void main(){ vec4 a=vec4(0), b=vec4(0), c=vec4(0);
 for(int k=0;k<4;k++){ int r=int(j[k])*3; a+=w[k]*B[r]; b+=w[k]*B[r+1]; c+=w[k]*B[r+2]; }
 vec4 q=vec4(p,1); P=vec3(dot(a,q),dot(b,q),dot(c,q)); N=vec3(dot(a.xyz,n),dot(b.xyz,n),dot(c.xyz,n)); C=colour;
 gl_Position=V*vec4(P,1); }`;
const PLAIN = `#version 300 es
layout(location=0) in vec3 p; layout(location=1) in vec3 n; layout(location=2) in vec4 colour;
uniform mat4 V; out vec3 N; out vec3 P; out vec4 C;
void main(){ P=p; N=n; C=colour; gl_Position=V*vec4(p,1); }`;
const LIT = `#version 300 es
precision highp float; in vec3 N; in vec3 P; in vec4 C; uniform vec3 eye; uniform vec3 light; uniform float rough;
uniform float fade; out vec4 o;
void main(){ vec3 n=normalize(N), v=normalize(eye-P), h=normalize(light+v);
 float d=dot(n,light), wrap=clamp((d+.35)/1.35,0.,1.); float up=n.y*.5+.5;
 vec3 sky=vec3(.66,.70,.80), earth=vec3(.52,.46,.44);
 vec3 c=C.rgb*(mix(earth,sky,up)*.74+vec3(1.,.96,.9)*wrap*wrap*.66);
 float rim=pow(1.-max(dot(n,v),0.),3.); c+=rim*(.10+.16*up)*mix(vec3(1),C.rgb,.5);
 c+=vec3(1)*pow(max(dot(n,h),0.),mix(90.,8.,rough))*(1.-rough)*.5;
 float far=smoothstep(0.,.25,P.y); c*=mix(.86,1.,far);
 o=vec4(pow(c,vec3(1./2.2)),1.)*fade*C.a; }`;
const DARK = `#version 300 es
precision mediump float; out vec4 o; void main(){ o=vec4(1); }`;
const GROUND = `#version 300 es
layout(location=0) in vec2 p; uniform mat4 V; uniform vec3 centre; out vec2 G;
void main(){ G=p*9.+centre.xz; gl_Position=V*vec4(G.x,0.,G.y,1.); }`;
const FLOOR = `#version 300 es
precision highp float; in vec2 G; uniform vec3 centre; uniform vec4 line; uniform float dark; uniform sampler2D shade;
uniform float reach; uniform vec3 eye; out vec4 o;
float grid(vec2 g, float w){ vec2 d=abs(fract(g-.5)-.5)/fwidth(g); return 1.-clamp(min(d.x,d.y)-w,0.,1.); }
void main(){ vec2 s=(G-centre.xz)/reach; float k=0.; float r=length(s)*.012+.006;
 for(int i=0;i<24;i++){ float f=float(i), a=f*2.39996, q=sqrt((f+.5)/24.);
  k+=texture(shade,s*.5+.5+vec2(cos(a),sin(a))*q*r*1.6).r; }
 k/=24.; k*=1.-smoothstep(.7,1.,length(s));
 float away=length(G-centre.xz); float fog=1.-smoothstep(2.,7.5,away);
 float low=clamp(eye.y*.9,0.,1.);
 float lines=max(grid(G,.35)*.9,grid(G*2.,.0)*.35)*line.a*fog*low;
 float black=k*dark*low; o=vec4(line.rgb*lines*(1.-black),lines*(1.-black)+black); }`;

// Colours of bones: seen well, doubtful, not seen; and of a foot on the ground.
const SEEN = [0.12, 0.5, 0.88], DOUBT = [0.95, 0.55, 0.08], UNSEEN = [0.58, 0.6, 0.64], STAND = [0.18, 0.62, 0.39];
const linear = (c) => c.map((v) => v ** 2.2);

export function trustColour(trust) {
  return trust >= 0.5 ? SEEN : trust >= 0.1 ? DOUBT : UNSEEN;
}

// Returns null where there is no WebGL 2.
export function makeScene(canvas, model) {
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!gl) return null;
  const skinned = program(gl, SKINNED, LIT), plain = program(gl, PLAIN, LIT);
  const skinnedDark = program(gl, SKINNED, DARK), plainDark = program(gl, PLAIN, DARK), ground = program(gl, GROUND, FLOOR);
  const skin = skinArray(gl, model), solid = solidArray(gl), quad = quadArray(gl), shade = shadowTarget(gl);
  const camera = { yaw: 0.5, pitch: 0.16, distance: 4.2, target: [0, 0.9, 0], pan: [0, 0, 0] };
  const theme = { line: [0.4, 0.45, 0.55, 0.5], dark: 0.34 };

  function figure(p, V, show, dark) {
    gl.useProgram(p.program);
    gl.uniformMatrix4fv(p.at("V"), false, V);
    if (show === "skin") {
      gl.bindVertexArray(skin.array);
      gl.uniform4fv(p.at("B"), skin.rows);
      for (const part of skin.parts) {
        if (!dark) {
          gl.uniform4fv(p.at("colour"), part.colour);
          gl.uniform1f(p.at("rough"), part.rough);
        }
        gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_SHORT, part.offset);
      }
    } else {
      gl.bindVertexArray(solid.array);
      if (!dark) gl.uniform1f(p.at("rough"), 0.6);
      gl.drawArrays(gl.TRIANGLES, 0, solid.count);
    }
  }

  function draw(show) {
    const ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const target = add(camera.target, camera.pan), eye = eyeOf(camera, target);
    const tall = Math.max(1, height / width);
    const V = multiply(perspective(0.62 * Math.min(tall, 1.25), width / height, 0.05, 60), lookAt(eye, target));
    const kinds = show === "both" ? ["skin"] : [show];

    gl.bindFramebuffer(gl.FRAMEBUFFER, shade.frame);
    gl.viewport(0, 0, SHADOW, SHADOW);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.BLEND);
    gl.disable(gl.CULL_FACE);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const flat = flattened(LIGHT, camera.target, REACH);
    for (const kind of kinds) figure(kind === "skin" ? skinnedDark : plainDark, flat, kind, true);

    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(ground.program);
    gl.uniformMatrix4fv(ground.at("V"), false, V);
    gl.uniform3fv(ground.at("centre"), [camera.target[0], 0, camera.target[2]]);
    gl.uniform3fv(ground.at("eye"), eye);
    gl.uniform4fv(ground.at("line"), theme.line);
    gl.uniform1f(ground.at("dark"), theme.dark);
    gl.uniform1f(ground.at("reach"), REACH);
    gl.bindTexture(gl.TEXTURE_2D, shade.texture);
    gl.bindVertexArray(quad);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);

    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE);
    for (const kind of show === "both" ? ["skin", "bones"] : [show]) {
      const p = kind === "skin" ? skinned : plain;
      gl.useProgram(p.program);
      gl.uniform3fv(p.at("eye"), eye);
      gl.uniform3fv(p.at("light"), LIGHT);
      gl.uniform1f(p.at("fade"), 1);
      // Bones inside of the character are seen through it.
      if (show === "both" && kind === "bones") gl.clear(gl.DEPTH_BUFFER_BIT);
      figure(p, V, kind, false);
    }
  }

  return {
    camera, theme, draw, rows: skin.rows,
    // Bones as [from, to, thickness, trust, whether it stands on the ground].
    setBones(bones) {
      const colour = (trust, stands) => linear(stands ? STAND : trustColour(trust));
      const data = bones.flatMap(([from, to, thick, trust, stands]) => octahedron(from, to, thick, colour(trust, stands)));
      solid.count = data.length / 10;
      gl.bindBuffer(gl.ARRAY_BUFFER, solid.buffer);
      gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(data), gl.DYNAMIC_DRAW);
    },
  };
}

export function eyeOf(camera, target) {
  const c = Math.cos(camera.pitch), d = camera.distance;
  return add(target, [d * c * Math.sin(camera.yaw), d * Math.sin(camera.pitch), d * c * Math.cos(camera.yaw)]);
}

// A bone as a long diamond, wide near its beginning; 24 corners of place, normal and colour.
function octahedron(from, to, thick, colour) {
  const way = sub(to, from), along = unit(way);
  const x = unit(cross(along, Math.abs(along[1]) < 0.9 ? [0, 1, 0] : [1, 0, 0])), y = cross(along, x);
  const middle = add(from, way, 0.18), out = [];
  const ring = [x, y, x.map((v) => -v), y.map((v) => -v)].map((side) => add(middle, side, thick));
  const face = (a, b, c) => {
    const n = unit(cross(sub(b, a), sub(c, a)));
    for (const p of [a, b, c]) out.push(...p, ...n, ...colour, 1);
  };
  for (let k = 0; k < 4; k++) {
    face(ring[k], ring[(k + 1) % 4], to);
    face(ring[(k + 1) % 4], ring[k], from);
  }
  return out;
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  const places = new Map();
  return {
    program: made,
    at(name) {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
      return places.get(name);
    },
  };
}

function skinArray(gl, model) {
  const array = gl.createVertexArray(), { position, normal, joints, weights } = model.vertices;
  gl.bindVertexArray(array);
  const fill = (at, data, width) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    if (at === 2) gl.vertexAttribIPointer(at, width, gl.UNSIGNED_BYTE, 0, 0);
    else gl.vertexAttribPointer(at, width, at === 3 ? gl.UNSIGNED_BYTE : gl.FLOAT, at === 3, 0, 0);
  };
  fill(0, position, 3);
  fill(1, normal, 3);
  fill(2, joints, 4);
  fill(3, weights, 4);
  let offset = 0;
  const parts = model.parts.map((part) => {
    const entry = { name: part.name, colour: part.colour, rough: part.rough, count: part.corners.length, offset };
    offset += part.corners.byteLength;
    return entry;
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, offset, gl.STATIC_DRAW);
  model.parts.forEach((part, k) => gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, parts[k].offset, part.corners));
  return { array, parts, rows: new Float32Array(192 * 4) };
}

function solidArray(gl) {
  const array = gl.createVertexArray(), buffer = gl.createBuffer();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  [[0, 3, 0], [1, 3, 12], [2, 4, 24]].forEach(([at, width, offset]) => {
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, gl.FLOAT, false, 40, offset);
  });
  return { array, buffer, count: 0 };
}

function quadArray(gl) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, -1, 1, 1, -1, 1, 1]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  return array;
}

function shadowTarget(gl) {
  const texture = gl.createTexture(), frame = gl.createFramebuffer();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, SHADOW, SHADOW, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.LINEAR);
  for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  return { texture, frame };
}
