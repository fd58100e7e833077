/**
 * A shader extension of Viv's XRLayer that turns values into colours.
 *
 * The shader has 32-bit floats, so integers beyond 2^24 are rounded to 24 bits before they are drawn.
 */

import type { Device, Texture } from "@luma.gl/core";
import { type VivLayer, VivLayerExtension } from "@vivjs/extensions";

import { COLORS, tableOf } from "./colormaps";
import { linearWidth, type Look, type Scale } from "./look";
import type { Color } from "./multiscale";

export interface ShadingProps {
  /** What is drawn: intensities, label numbers alone, or label numbers over an image. */
  kind: "image" | "labels" | "overlay";
  colors: Color[];
  contrastLimits: [low: number, high: number][];
  dtype: string;
  interpolation: "nearest" | "linear";
  look: Look;
}

type MapFormat = "rgba8unorm" | "rgba8uint" | "rgba16sint";

/** The numbers that stand for a scale in the shader; a square root is a power too. */
const SCALE_NUMBERS: Record<Scale, number> = { linear: 0, sqrt: 0, gamma: 0, log: 1, symlog: 2 };

// VIV_CHANNEL_INDEX is Viv's placeholder: Viv repeats each line with it, once per channel.
// A share of -2 means no data, -1 a value below the limits and 2 one above them.
const fs = `
uniform shadingUniforms {
  float isLabels;
  float isOverlay;
  float opacity;
  float scale;
  float exponent;
  float hasMap;
  float isReversed;
  float unit;
  vec3 noData;
  vec4 under;
  vec4 over;
  float widthVIV_CHANNEL_INDEX;
  vec3 colorVIV_CHANNEL_INDEX;
} shading;
// WebGL's validation wants one type for all samplers, so the map has the type of the pixels
uniform highp SAMPLER_TYPE shadingMap;

float shading_bent(float value, float width) {
  if (shading.scale == 1.0) return log(value);
  if (shading.scale == 2.0) return sign(value) * log(1.0 + abs(value) / width);
  return value;
}

float shading_share(float value, vec2 limits, int channel) {
  if (shading.isLabels > 0.5) return value;
  // isnan() may be optimised away, so we look at the bits
  if ((floatBitsToUint(value) & 0x7fffffffu) > 0x7f800000u) return -2.0;
  if (value < limits[0]) return -1.0;
  if (value > limits[1]) return 2.0;
  float[] widths = float[NUM_CHANNELS](
    shading.widthVIV_CHANNEL_INDEX,
  );
  float low = shading_bent(limits[0], widths[channel]);
  float share = (shading_bent(value, widths[channel]) - low) / (shading_bent(limits[1], widths[channel]) - low);
  return pow(clamp(share, 0.0, 1.0), shading.exponent);
}

vec4 shading_label(float number) {
  uint hash = (number < 0.0 ? uint(int(number)) : uint(number)) * 2654435769u;
  float hue = float(hash >> 8) / 16777216.0;
  float light = 0.75 + 0.25 * float((hash * 2654435769u) >> 8) / 16777216.0;
  vec3 pure = clamp(abs(fract(hue + vec3(0.0, 2.0, 1.0) / 3.0) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
  vec3 color = mix(vec3(1.0), pure, 0.7) * light;
  return number == 0.0 ? vec4(vec3(0.0), 1.0 - shading.isOverlay) : vec4(color, shading.opacity);
}

vec3 shading_mapped(float share, vec3 color) {
  float at = shading.isReversed > 0.5 ? 1.0 - share : share;
  if (shading.hasMap < 0.5) return at * color;
  return vec3(texelFetch(shadingMap, ivec2(min(int(at * ${COLORS}.0), ${COLORS - 1}), 0), 0).rgb) * shading.unit;
}

vec4 shading_color(float[NUM_CHANNELS] shares) {
  if (shading.isLabels > 0.5) return shading_label(shares[0]);
  vec3 colors[NUM_CHANNELS] = vec3[NUM_CHANNELS](
    shading.colorVIV_CHANNEL_INDEX,
  );
  if (NUM_CHANNELS == 1 && shares[0] == -1.0 && shading.under.a > 0.5) return vec4(shading.under.rgb, 1.0);
  if (NUM_CHANNELS == 1 && shares[0] == 2.0 && shading.over.a > 0.5) return vec4(shading.over.rgb, 1.0);
  vec3 sum = vec3(0.0);
  bool hasData = false;
  for (int i = 0; i < NUM_CHANNELS; i++) {
    if (shares[i] == -2.0) continue;
    hasData = true;
    sum += shading_mapped(clamp(shares[i], 0.0, 1.0), colors[i]);
  }
  return vec4(hasData ? min(sum, 1.0) : shading.noData, 1.0);
}
`;

export class Shading extends VivLayerExtension {
  static override extensionName = "Shading";

  private readonly maps = new Map<string, Texture>();

  override getVivShaderTemplates() {
    return {
      modules: [
        {
          name: "shading",
          uniformTypes: {
            isLabels: "f32",
            isOverlay: "f32",
            opacity: "f32",
            scale: "f32",
            exponent: "f32",
            hasMap: "f32",
            isReversed: "f32",
            unit: "f32",
            noData: "vec3<f32>",
            under: "vec4<f32>",
            over: "vec4<f32>",
            widthVIV_CHANNEL_INDEX: "f32",
            colorVIV_CHANNEL_INDEX: "vec3<f32>",
          },
          fs,
          inject: {
            "fs:DECKGL_PROCESS_INTENSITY": "intensity = shading_share(intensity, contrastLimits, channelIndex);",
            "fs:DECKGL_MUTATE_COLOR": "rgba = shading_color(intensity);",
          },
        },
      ],
    };
  }

  /** Sets the uniforms; deck.gl calls it with the layer as `this`. */
  override updateState(this: VivLayer & { props: ShadingProps }, _: unknown, extension: Shading): void {
    const { colors, kind, look, contrastLimits, dtype, interpolation } = this.props;
    const uniforms: Record<string, unknown> = {
      isLabels: kind === "image" ? 0 : 1,
      isOverlay: kind === "overlay" ? 1 : 0,
      opacity: kind === "overlay" ? look.opacity : 1,
      scale: SCALE_NUMBERS[look.scale],
      exponent: look.scale === "sqrt" ? 0.5 : look.scale === "gamma" ? look.gamma : 1,
      hasMap: look.colormap && colors.length === 1 ? 1 : 0,
      isReversed: look.isReversed && colors.length === 1 ? 1 : 0,
      noData: parts(look.noData),
      under: look.under ? [...parts(look.under), 1] : [0, 0, 0, 0],
      over: look.over ? [...parts(look.over), 1] : [0, 0, 0, 0],
    };
    colors.forEach((color, i) => {
      uniforms[`color${i}`] = parts(color);
      uniforms[`width${i}`] = linearWidth(contrastLimits[i] ?? [0, 1]);
    });
    const format = interpolation === "linear" || dtype === "Float32" ? "rgba8unorm" : dtype.startsWith("U") ? "rgba8uint" : "rgba16sint";
    uniforms.unit = format === "rgba8unorm" ? 1 : 1 / 255;
    const shadingMap = extension.map(this.context.device, look.colormap, format);
    for (const model of this.getModels()) {
      model.shaderInputs.setProps({ shading: uniforms });
      model.setBindings({ shadingMap });
    }
  }

  /** The texture of a colour map, or any other one if there is none of this name: the shader needs one. */
  private map(device: Device, name: string, format: MapFormat): Texture {
    const id = `${name} ${format}`;
    const known = this.maps.get(id);
    if (known) return known;
    const table = tableOf(name) ?? new Uint8Array(3 * COLORS);
    const bytes = Array.from({ length: 4 * COLORS }, (_, i) => (i % 4 === 3 ? 255 : (table[Math.floor(i / 4) * 3 + (i % 4)] ?? 0)));
    const data = format === "rgba16sint" ? Int16Array.from(bytes) : Uint8Array.from(bytes);
    const made = device.createTexture({ width: COLORS, height: 1, format, data, sampler: { minFilter: "nearest", magFilter: "nearest" } });
    this.maps.set(id, made);
    return made;
  }
}

function parts(color: Color): Color {
  return color.map((part) => part / 255) as Color;
}
