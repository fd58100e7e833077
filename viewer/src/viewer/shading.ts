/** A shader extension of Viv's XRLayer that turns intensities into colours. */

import { type VivLayer, VivLayerExtension } from "@vivjs/extensions";

import type { Color } from "./multiscale";

export interface ShadingProps {
  colors: Color[];
  isLabels: boolean;
}

// VIV_CHANNEL_INDEX is Viv's placeholder: Viv repeats each line with it, once per channel.
const fs = `
uniform shadingUniforms {
  float isLabels;
  vec3 colorVIV_CHANNEL_INDEX;
} shading;

float shading_ramp(float value, vec2 limits) {
  if (shading.isLabels > 0.5) return value;
  if (isnan(value)) return 0.0;
  return clamp((value - limits[0]) / (limits[1] - limits[0]), 0.0, 1.0);
}

vec3 shading_label(float id) {
  if (id == 0.0) return vec3(0.0);
  float hue = fract(id * 0.61803398875);
  vec3 pure = clamp(abs(fract(hue + vec3(0.0, 2.0, 1.0) / 3.0) * 6.0 - 3.0) - 1.0, 0.0, 1.0);
  return mix(vec3(1.0), pure, 0.7) * (0.75 + 0.25 * fract(id * 0.7548776662));
}

vec4 shading_color(float[NUM_CHANNELS] intensity) {
  if (shading.isLabels > 0.5) return vec4(shading_label(intensity[0]), 1.0);
  vec3 colors[NUM_CHANNELS] = vec3[NUM_CHANNELS](
    shading.colorVIV_CHANNEL_INDEX,
  );
  vec3 sum = vec3(0.0);
  for (int i = 0; i < NUM_CHANNELS; i++) sum += intensity[i] * colors[i];
  return vec4(min(sum, 1.0), 1.0);
}
`;

export class Shading extends VivLayerExtension {
  static override extensionName = "Shading";

  override getVivShaderTemplates() {
    return {
      modules: [
        {
          name: "shading",
          uniformTypes: { isLabels: "f32", colorVIV_CHANNEL_INDEX: "vec3<f32>" },
          fs,
          inject: {
            "fs:DECKGL_PROCESS_INTENSITY": "intensity = shading_ramp(intensity, contrastLimits);",
            "fs:DECKGL_MUTATE_COLOR": "rgba = shading_color(intensity);",
          },
        },
      ],
    };
  }

  /** Sets the uniforms; deck.gl calls it with the layer as `this`. */
  override updateState(this: VivLayer & { props: ShadingProps }): void {
    const { colors, isLabels } = this.props;
    const uniforms: Record<string, unknown> = { isLabels: isLabels ? 1 : 0 };
    colors.forEach((color, i) => (uniforms[`color${i}`] = color.map((part) => part / 255)));
    for (const model of this.getModels()) model.shaderInputs.setProps({ shading: uniforms });
  }
}
