//! Properties over random values and damaged images.

use perl_storable::{Value, freeze, freeze_file, thaw};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq};
use proptest::proptest;
use proptest::sample::Index;

use crate::golden::SMALL;
use crate::strategy::reference;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_value_comes_back(value in reference()) {
        prop_assert_eq!(&thaw(&freeze(&value).unwrap()).unwrap(), &value);
        prop_assert_eq!(&thaw(&freeze_file(&value).unwrap()).unwrap(), &value);
    }

    #[test]
    fn integers_and_doubles_come_back_as_numbers(number in any::<i64>(), double in any::<f64>()) {
        let frozen = freeze(&Value::Array(vec![Value::Int(number), Value::Double(double)])).unwrap();
        let value = thaw(&frozen).unwrap();
        let [integer, fraction] = value.as_array().unwrap() else { panic!("{value:?}") };
        prop_assert_eq!(integer.as_i64(), Some(number));
        let fraction = fraction.as_f64().unwrap();
        prop_assert!(fraction.to_bits() == double.to_bits() || (fraction.is_nan() && double.is_nan()));
    }

    #[test]
    fn junk_never_panics(junk in vec(any::<u8>(), 0..200)) {
        let _ = thaw(&junk);
        let _ = thaw(&[&[5, 11][..], &junk].concat());
    }

    #[test]
    fn marks_in_any_order_never_panic(marks in vec(0u8..36, 0..60)) {
        let _ = thaw(&[&[5, 11][..], &marks].concat());
    }

    #[test]
    fn damaged_images_never_panic_and_what_is_read_can_be_written(
        image in any::<Index>(),
        damage in vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let mut image = image.get(&SMALL).clone();
        for (at, byte) in damage {
            *at.get_mut(&mut image) = byte;
        }
        if let Ok(value) = thaw(&image) {
            let written = freeze(&value).unwrap();
            prop_assert_eq!(freeze(&thaw(&written).unwrap()).unwrap(), written);
        }
    }
}
